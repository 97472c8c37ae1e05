# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The pipeline without a graph: what it does with a segmenter or frame that cannot be used."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rclpy.clock import Clock
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import EngineError, LabelSetError
from rtseg_ros.labels import palettes
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.output_table import Wanted
from rtseg_ros.nodes.parameters import SegmentationParameters
from rtseg_ros.nodes.segmentation.accounting import FrameAccount
from rtseg_ros.nodes.segmentation.frame_pipeline import FramePipeline
from rtseg_ros.nodes.segmentation.overlap import Waiting
from rtseg_ros.nodes.spatial.outputs import Seen
from rtseg_ros.runtime import load_segmenter

FRAME = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture
def pipeline():
    lines = []
    pipeline = FramePipeline(SegmentationParameters(), clock=Clock(), log=lines.append)
    pipeline.lines = lines
    return pipeline


def test_segmenter_that_cannot_be_installed_is_closed(pipeline, tiny_model, monkeypatch):
    """The present one goes on, and the new one holds no memory."""
    present, new = load_segmenter(tiny_model), load_segmenter(tiny_model)
    pipeline.install(present)

    def refuse():
        raise EngineError('no device')

    monkeypatch.setattr(new.engine, 'take_over', refuse)
    with pytest.raises(EngineError, match='no device'):
        pipeline.install(new)
    assert pipeline.segmenter is present
    assert present(FRAME).labels.shape == (20, 30)
    with pytest.raises(EngineError, match='closed'):
        new(FRAME)


def test_a_model_with_too_many_classes_for_the_palette_is_refused(
    pipeline, tiny_model, monkeypatch
):
    present, new = load_segmenter(tiny_model), load_segmenter(tiny_model)
    pipeline.install(present)
    monkeypatch.setattr(palettes, 'DISTINCT', palettes.DISTINCT[:3])
    with pytest.raises(LabelSetError, match='3 colours and tiny has 4 classes'):
        pipeline.install(new, SegmentationParameters(palette='distinct'))
    assert pipeline.segmenter is present
    assert pipeline.settings.palette == 'dataset'


@pytest.mark.parametrize('mask', [True, False])
def test_confidence_that_cannot_be_had_is_no_result(pipeline, make_model, mask):
    """A model of labels only: the mask is published, but a frame with no output is none."""
    pipeline.install(load_segmenter(make_model('labels_only', outputs=('labels',))))
    published = []
    camera = SimpleNamespace(
        topic='/image', message_type=Image, account=FrameAccount(),
        colour=SimpleNamespace(note=lambda message, **_: None),
        wanted=lambda: Wanted(frozenset({'confidence', 'mask'} if mask else {'confidence'})),
        spatial=SimpleNamespace(
            prepare=lambda frame, header, wanted: Seen(frame),
            finished=lambda result, unlabelled_id: result,
            picture=lambda frame, seen: frame,
        ),
        publish=lambda frame, result, **_: published.append(result),
    )  # fmt: skip
    camera.account.receive()
    message = serialize_message(image_from_array(FRAME, 'bgr8', header=Header()))
    pipeline.work([Waiting(camera, message, time.perf_counter_ns())])
    counts = camera.account.snapshot().counts
    assert counts['published'] == len(published) == mask
    assert counts['failed'] == (not mask)
    if not mask:
        assert 'only confidence is subscribed to, and labels_only.onnx' in pipeline.lines[0]
