# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the report: overlay, frame, prediction, truth and errors as data URIs."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.overlay import overlay_from_labels

_WRONG_BGR = (60, 90, 255)
_SMALL = (cv2.IMWRITE_PNG_COMPRESSION, 9)  # the page carries them all


@dataclass(frozen=True)
class ShownFrame:
    """One frame on the page.

    Attributes:
        title: Why it was chosen.
        name: Of the frame.
        score: Its mIoU.
        when: Seconds from the first frame, in words; empty for a frame without a stamp.
        pictures: Captions and data URIs.
    """

    title: str
    name: str
    score: float
    when: str
    pictures: list[tuple[str, str]]


def shown_frames(previews: Mapping[str, Preview], labels: LabelSet) -> list[ShownFrame]:
    """Return the frames with their pictures.

    Args:
        previews: Frames by title.
        labels: Colours of the classes.
    """
    return [
        ShownFrame(
            title=title.capitalize(),
            name=preview.name,
            score=preview.score,
            when='' if preview.since_start_s is None else f'{preview.since_start_s:.1f} s',
            pictures=_pictures(preview, labels),
        )
        for title, preview in previews.items()
    ]


def _pictures(preview: Preview, labels: LabelSet) -> list[tuple[str, str]]:
    frame, prediction, truth = (
        _decoded(data) for data in (preview.frame, preview.prediction, preview.truth)
    )
    palette = labels.palette_bgr()
    errors = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) // 2
    errors[(truth != prediction) & (truth < labels.num_classes)] = _WRONG_BGR
    overlay = overlay_from_labels(frame, prediction, palette_bgr=palette)
    return [
        ('prediction over the frame', _data_uri('jpeg', encoded('.jpg', overlay))),
        ('frame', _data_uri('jpeg', preview.frame)),
        ('prediction', _data_uri('png', encoded('.png', palette[prediction], _SMALL))),
        ('truth', _data_uri('png', encoded('.png', palette[truth], _SMALL))),
        ('errors, red', _data_uri('png', encoded('.png', errors, _SMALL))),
    ]


def _decoded(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def _data_uri(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
