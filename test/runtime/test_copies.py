# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Copies on the way from a message's bytes to labels, counted by what NumPy allocates."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_model import write_model

from rtseg_ros.frames.image_message import frame_from_image
from rtseg_ros.runtime import load_segmenter

SIZE_HW = (320, 480)
FRAME_BYTES = SIZE_HW[0] * SIZE_HW[1] * 3


@pytest.fixture
def segmenter(tmp_path):
    return load_segmenter(write_model(tmp_path / 'tiny.onnx', size_hw=SIZE_HW))


def allocated(function):
    """Return a call's result and the most bytes it held at a time beyond those before it."""
    function()  # caches are filled by now
    tracemalloc.start()
    try:
        result = function()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_copy_would_be_seen():
    frame = np.zeros((*SIZE_HW, 3), np.uint8)
    assert allocated(frame.copy)[1] >= FRAME_BYTES


def test_no_copy_of_a_frame_before_the_network(segmenter):
    data = bytes(FRAME_BYTES)
    message = SimpleNamespace(
        height=SIZE_HW[0], width=SIZE_HW[1], encoding='bgr8', is_bigendian=0,
        step=3 * SIZE_HW[1], data=data,
    )  # fmt: skip
    prepared, size = allocated(lambda: segmenter.prepare(frame_from_image(message)))
    assert size < 0.02 * FRAME_BYTES
    assert np.shares_memory(prepared.image, np.frombuffer(data, np.uint8))


def test_scores_stay_where_the_engine_put_them(segmenter):
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)
    prepared = segmenter.prepare(frame)
    outputs, size = allocated(lambda: segmenter.engine.infer(prepared.image))
    assert not outputs['logits'].flags.owndata  # the engine's own memory
    assert size < 0.1 * outputs['logits'].nbytes


def test_one_array_of_labels_and_little_else(segmenter):
    frame = np.full((*SIZE_HW, 3), 90, np.uint8)
    result, size = allocated(lambda: segmenter(frame))
    # The labels, and coarse maps 16 times smaller than they.
    assert result.labels.nbytes < size < 2.5 * result.labels.nbytes
