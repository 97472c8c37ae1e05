# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Label images: which are taken, and what becomes of ids that no class has."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.label_image import labels_from_message
from rtseg_ros.labels import LabelSet

IDS = [[0, 1, 253, 255], [254, 256, 65535, 511]]
EXPECTED = [[0, 1, 253, 255], [254, 254, 254, 254]]
PALETTE = LabelSet('two', ('a', 'b'), ((10, 20, 30), (200, 0, 0)))


def raw(pixels, encoding, *, big=0, pad=0):
    rows = np.ascontiguousarray(pixels)
    rows = rows.astype(rows.dtype.newbyteorder('>' if big else '<'))
    lines = rows.reshape(len(rows), -1).view(np.uint8)
    data = np.pad(lines, ((0, 0), (0, pad)))
    return SimpleNamespace(
        height=rows.shape[0], width=rows.shape[1], encoding=encoding, is_bigendian=big,
        step=data.shape[1], data=data.tobytes(),
    )  # fmt: skip


def packed(pixels, kind='.png'):
    data = cv2.imencode(kind, pixels)[1].tobytes()
    return SimpleNamespace(format=kind, data=data)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_8_bit_ids_are_taken_as_they_are(encoding):
    ids = np.array([[0, 1, 253], [254, 255, 7]], np.uint8)
    labels = labels_from_message(raw(ids, encoding, pad=3), compressed=False)
    assert labels.tolist() == ids.tolist()


@pytest.mark.parametrize('big', [0, 1])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1', '32SC1'])
def test_wider_ids_are_never_wrapped_or_scaled(encoding, big):
    ids = np.array(IDS, np.int32 if encoding == '32SC1' else np.uint16)
    labels = labels_from_message(raw(ids, encoding, big=big, pad=4), compressed=False)
    assert (labels.tolist(), labels.dtype) == (EXPECTED, np.uint8)


@pytest.mark.parametrize(('encoding', 'kind'), [('16SC1', np.int16), ('32SC1', np.int32)])
def test_negative_ids_are_no_class(encoding, kind):
    ids = np.array([[-1, -256, 5]], kind)
    assert labels_from_message(raw(ids, encoding), compressed=False).tolist() == [[254, 254, 5]]


def test_png_of_both_widths_and_never_jpeg():
    ids = np.array(IDS, np.uint16)
    assert labels_from_message(packed(ids), compressed=True).tolist() == EXPECTED
    small = ids.astype(np.uint8)
    assert (labels_from_message(packed(small), compressed=True) == small).all()
    with pytest.raises(FrameError, match='only PNG'):
        labels_from_message(packed(small, '.jpg'), compressed=True)


def test_colours_are_refused_by_name_or_read_with_a_palette():
    bgr = np.array([[[30, 20, 10], [0, 0, 200], [9, 9, 9]]], np.uint8)
    for message, compressed, text in (
        (raw(bgr, 'bgr8'), False, "encoding 'bgr8'.*mono16"),
        (packed(bgr), True, 'colour image'),
    ):
        with pytest.raises(FrameError, match=text):
            labels_from_message(message, compressed=compressed)
        labels = labels_from_message(message, compressed=compressed, palette=PALETTE)
        assert labels.tolist() == [[0, 1, 254]]
    rgb = raw(np.ascontiguousarray(bgr[..., ::-1]), 'rgb8')
    assert labels_from_message(rgb, compressed=False, palette=PALETTE).tolist() == [[0, 1, 254]]
