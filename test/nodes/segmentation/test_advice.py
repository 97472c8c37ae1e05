"""Each reason for silence has its own sentence, with what to do."""

from dataclasses import replace
import re

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.nodes.ros_graph import TopicFacts
from rtseg_ros.nodes.segmentation.advice import Situation, advice

TOPIC = TopicFacts('/image', 'sensor_msgs/msg/Image', 1, (), (), ())
WELL = Situation(
    node_name='/segmentation',
    state='active',
    enabled=True,
    configure_error='',
    clock_missing=False,
    wanted=True,
    unserved=(),
    topic=TOPIC,
    recent={'published': 10},
    silent_s=0.1,
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
