# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Each reason for silence has its own sentence, with what to do."""

from dataclasses import replace
from pathlib import Path
import re

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.installation import PROFILE_VARIABLES, profile_variable
from rtseg_ros.nodes.ros_graph import TopicFacts
from rtseg_ros.nodes.segmentation.advice import Situation, advice
from rtseg_ros.nodes.segmentation.image_loss import Loss

TOPIC = TopicFacts('/image', 'sensor_msgs/msg/Image', 1, (), (), ())
WELL = Situation(
    node_name='/segmentation',
    camera='',
    state='active',
    enabled=True,
    configure_error='',
    clock_missing=False,
    wanted=True,
    unserved=(),
    topic=TOPIC,
    recent={'published': 10},
    silent_s=0.1,
    loss=None,
    last_error='',
    max_age_ms=0.0,
)
NOBODY = replace(TOPIC, publishers=0)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, ''),
        ({'state': 'unconfigured'}, 'not configured: ros2 lifecycle set /segmentation configure'),
        ({'state': 'unconfigured', 'configure_error': 'no file'}, 'configure failed: no file'),
        ({'state': 'inactive'}, 'not active: ros2 lifecycle set /segmentation activate'),
        ({'state': 'finalized'}, 'shut down: it cannot be used again, start a new process'),
        ({'enabled': False}, 'disabled: ros2 service call /segmentation/enable std_srvs/srv/SetB'),
        ({'wanted': False}, 'nobody subscribes to mask'),
        (
            {'unserved': ('/nav gets nothing on /m: durability',)},
            '/nav gets nothing .*qos_overrid',
        ),
        ({'topic': NOBODY}, 'no publisher on /image; start the camera, or remap'),
        (
            {'topic': replace(NOBODY, image_topics=('/cam/raw',))},
            'images are on /cam/raw: remap image',
        ),
        (
            {'topic': replace(NOBODY, image_topics=('/image/compressed', '/cam/raw'))},
            'the images are on /image/compressed: set image_transport to compressed',
        ),
        (
            {'topic': replace(NOBODY, image_topics=('/image/ffmpeg',))},
            '/image/ffmpeg carries packets of a video: .* in_transport:=ffmpeg .* -r out:=/image$',
        ),
        (
            {'topic': replace(NOBODY, topic='/a/compressed', image_topics=('/a',))},
            'no publisher on /a/compressed; the images are on /a: set image_transport to raw',
        ),
        (
            {'topic': replace(NOBODY, other_types=('sensor_msgs/msg/CompressedImage',))},
            'carries sensor_msgs/msg/CompressedImage, .* image_transport to compressed',
        ),
        (
            {'topic': replace(NOBODY, other_types=('sensor_msgs/msg/Image',))},
            'image_transport to raw',
        ),
        ({'topic': replace(NOBODY, other_types=('a/msg/B',))}, 'carries a/msg/B, not'),
        (
            {'topic': replace(TOPIC, refusals=('/cam on /image: best effort',))},
            '/cam on /image: best effort; set qos_overrides',
        ),
        ({'clock_missing': True}, 'nobody publishes /clock'),
        ({'silent_s': 8.0}, r'1 publisher\(s\) on /image, but no image for 8 s'),
        ({'recent': {'stale': 5}, 'max_age_ms': 50.0}, 'older than max_age_ms = 50'),
        ({'recent': {'rejected': 5}, 'last_error': 'odd'}, 'no image can be used: odd'),
        ({'recent': {'failed': 5}, 'last_error': 'engine'}, 'no image can be used: engine'),
        ({'recent': {'failed': 5, 'published': 1}}, ''),
        ({'recent': {}}, ''),
    ],
)
def test_every_situation(change, words):
    text = advice(replace(WELL, **change))
    if not words:
        assert text == ''
    assert re.search(words, text), text


def test_some_unfit_publishers_do_not_matter_when_another_fits():
    topic = replace(TOPIC, publishers=2, refusals=('/cam on /image: best effort',))
    assert advice(replace(WELL, topic=topic)) == ''


LOST = replace(
    WELL, topic=replace(TOPIC, publisher_names=('/front/driver',)), loss=Loss(lost=56, sent=60)
)


@pytest.fixture
def fast_dds_without_profile(monkeypatch):
    monkeypatch.delenv('RMW_IMPLEMENTATION', raising=False)
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_loss_names_the_process_and_the_absolute_path(fast_dds_without_profile, monkeypatch):
    text = advice(LOST)
    assert text.startswith('56 of 60 images on /image were lost on the way in the last 10 s: ')
    profile = Path(__file__).parents[3] / 'config' / 'fastdds_images.xml'
    assert f'start /front/driver again with {profile_variable()}={profile} ' in text
    assert 'and this node as well' in text
    monkeypatch.setenv(profile_variable(), str(profile))
    assert 'this node' not in advice(LOST)


def test_loss_in_another_middleware_names_no_profile_of_fast_dds(monkeypatch):
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')
    text = advice(LOST)
    assert 'raise the buffers of your middleware, for /front/driver' in text
    assert 'fastdds' not in text.lower()


def test_silence_and_loss_are_told_apart(fast_dds_without_profile):
    silent = replace(LOST, loss=None, silent_s=12.0)
    assert 'no image for 12 s: is the camera running?' in advice(silent)
    assert 'were lost' in advice(replace(silent, loss=LOST.loss))


def test_one_of_several_cameras_is_advised_of_its_own_topics():
    """As ``cameras: [front, rear]`` names them."""
    rear = replace(WELL, camera='rear', topic=replace(NOBODY, topic='/rear/image'))
    assert advice(replace(rear, wanted=False)).endswith(': ros2 topic hz /segmentation/rear/mask')
    assert advice(rear).endswith(
        'no publisher on /rear/image; start the camera, or remap rear/image'
    )
    elsewhere = replace(rear, topic=replace(rear.topic, image_topics=('/rear/image_raw',)))
    assert advice(elsewhere).endswith('/rear/image_raw: remap rear/image to one of them')
