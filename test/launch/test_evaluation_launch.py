# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""evaluation.launch.py with the real launch, where it and the package are installed."""

from functools import partial
import json

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('rosbags', reason='rosbags is not installed')
pytest.importorskip('launch_ros', reason='launch_ros is not installed (it is no wheel)')

from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.labels import LabelSet

TINY = LabelSet(
    'tiny', ('dark', 'blue', 'green', 'red'), ((40, 40, 40), (0, 0, 255), (0, 255, 0), (255, 0, 0))
)


@pytest.fixture
def bag_path(tmp_path):
    with BagWriter(tmp_path / 'bag', labels=TINY) as bag:
        for index in range(12):
            frame = np.zeros((48, 64, 3), np.uint8)
            frame[:, :32, index % 3] = 200
            truth = np.zeros((48, 64), np.uint8)
            truth[:, :32] = index % 3 + 1
            bag.write(frame, index * 250_000_000, truth)
    return tmp_path / 'bag'


@pytest.fixture
def launch(launch_installed):
    return partial(launch_installed, 'evaluation.launch.py')


def test_launch_plays_the_bag_and_writes_the_report(make_model, bag_path, launch, tmp_path):
    output = tmp_path / 'report'
    result = launch(bag=bag_path, model=make_model('launched', stride=1), output=output)
    assert result.returncode == 0, result.stdout
    report = json.loads((output / 'report.json').read_text())
    assert report['frames'] == 12
    assert report['accounting']['published'] == 12
    assert report['miou'] == 1
    assert report['mode'] == 'live'


def test_empty_arguments_leave_it_to_the_files(make_model, bag_path, launch, tmp_path):
    model, output = make_model('own', stride=1), tmp_path / 'own_report'
    own, under_test = tmp_path / 'own.yaml', tmp_path / 'node.yaml'
    own.write_text(
        f'/**/evaluation:\n  ros__parameters: {{model: {model}, output: {output}}}\n'
        '/**/bag_player:\n  ros__parameters: {rate_hz: 2.0}\n'
    )
    under_test.write_text(f'/**/segmentation:\n  ros__parameters: {{model: {model}}}\n')
    result = launch(bag=bag_path, params_file=own, node_params_file=under_test)
    assert result.returncode == 0, result.stdout
    report = json.loads((output / 'report.json').read_text())
    assert report['miou'] == 1
    assert 0 < report['live']['sent_hz'] < 5  # not the bag's own 10 Hz


def test_launch_fails_with_a_bad_bag(make_model, launch, tmp_path):
    result = launch(bag=tmp_path / 'typo', model=make_model('launched', stride=1))
    assert result.returncode == 1, result.stdout
    assert 'there is no bag' in result.stdout
    assert 'failed with status 1; its last line says why' in result.stdout
    assert 'Traceback' not in result.stdout
    assert '[ERROR] [segmentation' not in result.stdout  # it is only stopped


def test_launch_fails_with_a_bad_model(bag_path, launch):
    result = launch(bag=bag_path, model='nowhere.onnx')
    assert result.returncode == 1, result.stdout
    assert "there is no model 'nowhere.onnx'" in result.stdout


def test_launch_fails_where_the_node_under_test_does_not_start(
    make_model, bag_path, launch, tmp_path
):
    under_test, own = tmp_path / 'node.yaml', tmp_path / 'own.yaml'
    under_test.write_text('/**/segmentation:\n  ros__parameters: {providers: [NoneSuch]}\n')
    own.write_text('/**/bag_player:\n  ros__parameters: {wait_s: 12.0}\n')
    result = launch(
        bag=bag_path, model=make_model('launched', stride=1), node_params_file=under_test,
        params_file=own,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout
    assert 'not configured' in result.stdout
    assert 'waiting for 2 subscribers' in result.stdout
    assert 'bag_player' in result.stdout.split('failed with status 1')[0].splitlines()[-1]
