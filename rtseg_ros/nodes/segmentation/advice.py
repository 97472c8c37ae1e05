# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plain advice: why nothing is published, and what to do about it."""

from dataclasses import dataclass

from rtseg_ros.installation import PROFILE, has_profile, is_fast_dds, profile_variable, share_file
from rtseg_ros.nodes.output_table import asked_in_words
from rtseg_ros.nodes.ros_graph import PACKETS, TopicFacts, other_transport
from rtseg_ros.nodes.segmentation.image_loss import SPAN_S, Loss

SILENT_S = 3.0


@dataclass(frozen=True)
class Situation:
    """What is known of one camera at one moment.

    Attributes:
        node_name: Full name of the node.
        camera: Name of the camera among several; empty where there is only one.
        state: Lifecycle state: ``unconfigured``, ``inactive``, ``active`` or ``finalized``.
        enabled: Whether images are taken while the node is active.
        configure_error: Why the last configure failed; empty if it did not.
        clock_missing: Simulated time is used and nobody publishes /clock.
        wanted: Somebody subscribes to a result.
        unserved: One sentence for each subscriber that gets nothing because of its QoS.
        topic: The image topic.
        recent: Frames by bin since the last look.
        silent_s: Seconds since the last image or, without one, since they are waited for.
        loss: Images of the last ten seconds that were lost on the way; None if all is well.
        last_error: Why the latest bad frame was not published.
        max_age_ms: The deadline, 0 for none.
    """

    node_name: str
    camera: str
    state: str
    enabled: bool
    configure_error: str
    clock_missing: bool
    wanted: bool
    unserved: tuple[str, ...]
    topic: TopicFacts
    recent: dict[str, int]
    silent_s: float
    loss: Loss | None
    last_error: str
    max_age_ms: float


def advice(now: Situation) -> str:
    """Return one sentence on what keeps masks from being published; empty if nothing does."""
    if now.state == 'finalized':
        return 'shut down: it cannot be used again, start a new process'
    if now.state == 'unconfigured':
        if now.configure_error:
            return f'configure failed: {now.configure_error}'
        return f'not configured: ros2 lifecycle set {now.node_name} configure'
    if now.state != 'active':
        return f'not active: ros2 lifecycle set {now.node_name} activate'
    if not now.enabled:
        return (
            f'disabled: ros2 service call {now.node_name}/enable std_srvs/srv/SetBool '
            '"{data: true}"'
        )
    if now.unserved:
        return f'{now.unserved[0]}; change its QoS, or qos_overrides of this node'
    if not now.wanted:
        return (
            f'nobody subscribes to {asked_in_words()}, so no image is taken: '
            f'ros2 topic hz {now.node_name}/{_prefix(now)}mask'
        )
    problem = _input_problem(now)
    if problem:
        return problem
    answered = now.recent.get('published', 0)
    if not answered and now.recent.get('stale', 0):
        return (
            f'every image is older than max_age_ms = {now.max_age_ms:g}: synchronise the '
            'clocks of camera and computer, set use_sim_time for a bag, or raise max_age_ms'
        )
    if not answered and (now.recent.get('rejected', 0) or now.recent.get('failed', 0)):
        return f'no image can be used: {now.last_error}'
    return ''


def _prefix(now: Situation) -> str:
    return f'{now.camera}/' if now.camera else ''


def _input_problem(now: Situation) -> str:
    topic, name = now.topic, f'{_prefix(now)}image'
    if topic.other_types and not topic.publishers:
        hint = ''
        if topic.other_types == ('sensor_msgs/msg/CompressedImage',):
            hint = '; set image_transport to compressed'
        elif topic.other_types == ('sensor_msgs/msg/Image',):
            hint = '; set image_transport to raw'
        return f'{topic.topic} carries {", ".join(topic.other_types)}, not {topic.type_name}{hint}'
    if not topic.publishers:
        there = ''
        other = other_transport(topic.topic)
        if other in topic.image_topics:
            transport = 'compressed' if other.endswith('/compressed') else 'raw'
            there = f'; the images are on {other}: set image_transport to {transport}'
        elif topic.image_topics and topic.image_topics[0].endswith(PACKETS):
            packets = topic.image_topics[0]
            there = (
                f'; {packets} carries packets of a video: ros2 run image_transport republish '
                f'--ros-args -p in_transport:=ffmpeg -p out_transport:=raw -r in{PACKETS}:='
                f'{packets} -r out:={packets.removesuffix(PACKETS)}'
            )
        elif topic.image_topics:
            topics = ', '.join(topic.image_topics)
            there = f'; images are on {topics}: remap {name} to one of them'
        return f'no publisher on {topic.topic}{there or f"; start the camera, or remap {name}"}'
    if topic.refusals and len(topic.refusals) == topic.publishers:
        return f'{topic.refusals[0]}; set qos_overrides.{topic.topic}.subscription of this node'
    if now.clock_missing:
        return (
            'use_sim_time is set and nobody publishes /clock: ros2 bag play --clock, or unset it'
        )
    if now.loss is not None:
        return (
            f'{now.loss.lost} of {now.loss.sent} images on {topic.topic} were lost on the way in '
            f'the last {SPAN_S:.0f} s: {_room(topic)}'
        )
    if now.silent_s > SILENT_S:
        return (
            f'{topic.publishers} publisher(s) on {topic.topic}, but no image for '
            f'{now.silent_s:.0f} s: is the camera running? If it is, {_room(topic)}'
        )
    return ''


def _room(topic: TopicFacts) -> str:
    """Say which process to start how, so that large images have room in the middleware."""
    camera = ' and '.join(topic.publisher_names) or f'what publishes {topic.topic}'
    if not is_fast_dds():
        return f'raise the buffers of your middleware, for {camera} as for this node'
    setting = f'{profile_variable()}={share_file(PROFILE)}'
    also = '' if has_profile() else ', and this node as well'
    return (
        f'Fast DDS has no room for large images: start {camera} again with {setting} in the '
        f'environment{also} (rtseg doctor says more)'
    )
