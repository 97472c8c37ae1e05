# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A real node over a model that others exported, and the change to another such model."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('onnx', reason='the foreign models are made with onnx')

from foreign_models import LAYOUTS, SIZE, TOLD, foreign, write_labels

from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.runtime import load_segmenter

NAMESPACE = '/imported'


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """A softmax model with a half body, and one that gives class ids only."""
    folder = tmp_path_factory.mktemp('imported')
    labels = write_labels(folder / 'l.yaml', 3)
    made = {}
    for layout, precision in (('softmax', 'fp16'), ('labels at a quarter', 'fp32')):
        path = foreign(folder / f'{precision}.theirs', **LAYOUTS[layout])
        settings = ConversionSettings(
            str(path),
            str(folder / f'{precision}.onnx'),
            labels=labels,
            precision=precision,
            **TOLD,
        )
        made[precision] = convert(settings, lambda stage, done, total: None).model
    return made


@pytest.fixture(scope='module')
def robot(launch_node, make_robot, models):
    launch_node('segmentation_node', namespace=NAMESPACE, model=models['fp16'])
    robot = make_robot(NAMESPACE)
    robot.start()
    return robot


def test_masks_are_those_of_the_segmenter_before_and_after_a_swap(robot, models):
    frame = np.random.default_rng(3).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for precision in ('fp16', 'fp32'):
        if precision != 'fp16':
            assert robot.set_parameter('model', str(models[precision])) == ''
        expected = load_segmenter(models[precision])(frame).labels
        np.testing.assert_array_equal(robot.labels_of(frame), expected)
        assert len(np.unique(expected)) > 1
