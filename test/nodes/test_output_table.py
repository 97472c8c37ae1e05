# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of outputs is what docs and advice say, and no output is taken for a camera."""

from pathlib import Path
import re

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('rosbags', reason='rosbags is not installed')

from rtseg_ros.frames import bag_source
from rtseg_ros.nodes.output_table import (
    ALWAYS,
    ASKED,
    BY_NAME,
    IMAGE_NAMES,
    OF_FRAMES,
    OUTPUTS,
    Wanted,
    asked_in_words,
)

DOCS = (Path(__file__).parents[2] / 'docs' / 'nodes.md').read_text()


def row(output):
    package, kind = output.type_name.split('/msg/')
    shown = kind if package in ('sensor_msgs', 'diagnostic_msgs') else f'{package}/{kind}'
    name = output.name if output.name.startswith('/') else f'~/{output.name}'
    return f'| `{name}` | {f"{shown} {output.encoding}".strip()} | {output.text} |'


def test_docs_have_the_table():
    part = DOCS.split('\n### Outputs\n')[1].split('\nHeaders are')[0]
    rows = [line for line in part.splitlines() if line.startswith('| `')]
    assert rows == [row(output) for output in OUTPUTS]


def test_names_are_given_once():
    assert len(BY_NAME) == len(OUTPUTS)


def test_docs_say_what_takes_images():
    assert f'nobody subscribes to {asked_in_words()}' in re.sub(r'\s+', ' ', DOCS)


def test_no_output_is_a_camera_of_a_bag():
    last = {name.removesuffix('/compressed') for name in IMAGE_NAMES}
    assert last <= set(bag_source._NO_CAMERA)


def test_every_message_of_a_frame_is_there():
    absent = {output.name for output in OF_FRAMES if output.message_type() is None}
    assert absent <= {'ground'}  # nav_msgs is on no package index
    assert all(output.when != ALWAYS for output in OF_FRAMES)


def test_only_what_is_asked_for_takes_images():
    assert Wanted(frozenset({'camera_info'})).asked == frozenset()
    assert Wanted(frozenset({'camera_info', 'mask'})).asked == {'mask'}
    assert BY_NAME['camera_info'].when != ASKED


@pytest.mark.parametrize(
    ('names', 'lacks'),
    [((), False), (('confidence',), True), (('confidence', 'camera_info'), True),
     (('confidence', 'mask'), False), (('camera_info',), False)],
)  # fmt: skip
def test_nothing_is_left_without_scores(names, lacks):
    """A frame that can only be asked for confidence has no result where there are no scores."""
    assert Wanted(frozenset(names)).lacks('scores') == lacks
