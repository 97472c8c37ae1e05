# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters: the YAML files say what the dataclasses say, and real nodes take them."""

from dataclasses import fields
from pathlib import Path
import re

import pytest
import yaml

from rtseg_ros.installation import share_file
from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.groups import load_class_groups

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

import rclpy
from rclpy.parameter import Parameter

from rtseg_ros.engines import ENGINES
from rtseg_ros.errors import SettingError
from rtseg_ros.nodes.parameters import (
    SegmentationParameters,
    VideoParameters,
    declare_parameters,
    read_parameters,
    refusal,
)
from rtseg_ros.nodes.spatial.parameters import GroundParameters, PointsParameters
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

TEXT = share_file('config/segmentation.yaml').read_text()
VALUES = yaml.safe_load(TEXT)['/**/segmentation']['ros__parameters']


def defaults(kind):
    return {
        f.name: list(f.default) if isinstance(f.default, tuple) else f.default
        for f in fields(kind)
    }


def test_yaml_has_every_parameter_with_its_default():
    values = dict(VALUES)
    assert values.pop('tensorrt') == defaults(TensorRtOptions)
    assert values.pop('openvino') == defaults(OpenVinoOptions)
    expected = defaults(SegmentationParameters)
    expected |= {f'points_{name}': value for name, value in defaults(PointsParameters).items()}
    expected |= {f'ground_{name}': value for name, value in defaults(GroundParameters).items()}
    assert values == expected
    assert {k: type(v) for k, v in values.items()} == {k: type(v) for k, v in expected.items()}


def test_yaml_of_video_node():
    text = share_file('config/video.yaml').read_text()
    assert yaml.safe_load(text)['/**/video']['ros__parameters'] == defaults(VideoParameters)


@pytest.mark.parametrize('name', ['segmentation', 'video'])
def test_every_parameter_has_a_comment(name):
    lines = share_file(f'config/{name}.yaml').read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r'    +\w+:', line):
            assert lines[number - 1].strip().startswith('#'), line


@pytest.mark.parametrize(
    'kind',
    [
        SegmentationParameters,
        TensorRtOptions,
        OpenVinoOptions,
        PointsParameters,
        GroundParameters,
    ],
)
def test_every_parameter_is_described(kind):
    for item in fields(kind):
        assert len(item.metadata['description']) > 15, item.name
        if isinstance(item.default, (int, float)) and not isinstance(item.default, bool):
            assert item.metadata['range'] or item.metadata['choices'], item.name
        choices, default = item.metadata['choices'], item.default
        assert not choices or default in choices


@pytest.mark.parametrize(
    ('kind', 'page', 'prefix'),
    [
        (SegmentationParameters, 'nodes.md', ''),
        (PointsParameters, 'nodes.md', 'points_'),
        (GroundParameters, 'nodes.md', 'ground_'),
        (VideoParameters, 'nodes.md', ''),
        (OpenVinoOptions, 'openvino.md', ''),
    ],
)
def test_docs_have_every_parameter_with_its_default(kind, page, prefix):
    docs = (Path(__file__).parents[2] / 'docs' / page).read_text()
    for name, value in defaults(kind).items():
        if isinstance(value, list):
            value = '[' + ', '.join(str(item) or "''" for item in value) + ']'
        shown = str(value).lower() if isinstance(value, bool) else str(value) or "''"
        assert f'| `{prefix}{name}` | `{shown}` |' in docs, name


def test_a_real_node_takes_the_yaml(launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node',
        namespace='/from_yaml',
        extra=('--params-file', str(share_file('config/segmentation.yaml'))),
        model=tiny_model,
    )
    robot = make_robot('/from_yaml')
    robot.start()
    assert robot.label_of((0, 0, 255)) == 3
    assert process.stop() == 0
    assert 'there is no parameter' not in process.text()


def test_example_groups_fit_camvid():
    groups = load_class_groups(share_file('config/class_groups.yaml'))
    labels = groups.label_set(CAMVID)
    assert labels.names == ('unlabelled', 'driveable', 'pavement', 'moving', 'obstacle')
    assert 0 not in groups.used_ids(CAMVID)


def test_example_for_nav2_names_our_topics_and_groups():
    example = yaml.safe_load(share_file('config/nav2_costmap.yaml').read_text())
    layer = example['local_costmap']['local_costmap']['ros__parameters']
    camera = layer['semantic_segmentation_layer']['camera']
    assert camera['segmentation_topic'] == '/segmentation/mask'
    assert camera['confidence_topic'] == '/segmentation/confidence'
    assert camera['labels_topic'] == '/segmentation/label_info'
    assert camera['pointcloud_topic'] == '/segmentation/points'
    names = load_class_groups(share_file('config/class_groups.yaml')).label_set(CAMVID).names
    for kind in camera['class_types']:
        assert set(camera[kind]['classes']) <= set(names)
    ours = example['segmentation']['ros__parameters']
    assert set(ours) <= set(VALUES)
    assert example['lifecycle_manager']['ros__parameters']['bond_timeout'] == 0.0


@pytest.mark.parametrize(
    ('cameras', 'words'),
    [
        (('a', 'a'), 'name of its own'),
        (('a', ''), 'name of its own'),
        (('a b',), "'a b' is no name for a topic"),
        (('1st',), "'1st' is no name"),
    ],
)
def test_impossible_camera_names(cameras, words):
    with pytest.raises(SettingError, match=words):
        SegmentationParameters(cameras=cameras).camera_names()


def test_camera_names():
    assert SegmentationParameters().camera_names() == ('',)
    assert SegmentationParameters(cameras=('front', 'rear')).camera_names() == ('front', 'rear')


def test_geometry_of_the_parameters():
    geometry = SegmentationParameters(
        roi=(1, 2, 30, 40), output_size='640 360', resize='crop', rotation=90
    ).geometry()
    assert (geometry.roi, geometry.output_size) == ((1, 2, 30, 40), (360, 640))
    assert SegmentationParameters().geometry().roi is None


def test_node_and_launch_file_take_every_engine():
    choices = {f.name: f.metadata['choices'] for f in fields(SegmentationParameters)}['engine']
    assert choices == ENGINES
    assert str(('', *ENGINES)) in share_file('launch/segmentation.launch.py').read_text()


@pytest.mark.parametrize(('given', 'meant'), [(False, 'off'), ('inside', 'inside')])
def test_off_is_what_was_meant_though_yaml_takes_it_for_false(ros, given, meant):
    node = rclpy.create_node('any', parameter_overrides=[Parameter('rectify', value=given)])
    declare_parameters(node, {'': SegmentationParameters})
    assert read_parameters(node, SegmentationParameters).rectify == meant
    node.destroy_node()


def test_on_is_refused_with_what_is_accepted():
    def said(value):
        change = Parameter('rectify', value=value)
        return refusal([change], SegmentationParameters, configured=False)

    assert said(False) == ''
    assert said(True) == "rectify is 'on'; accepted: off, output, inside"
