# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Do camera images and points get through DDS here? Two processes, sizes of real cameras."""

from array import array
import os
import subprocess
import sys
import time

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from rtseg_ros.installation import (
    PROFILE,
    PROFILE_VARIABLES,
    has_profile,
    is_fast_dds,
    profile_variable,
    share_file,
)
from rtseg_ros.nodes.reminder import Reminder
from rtseg_ros.spatial.point_layout import POINT_STEP
from rtseg_ros.verdict import Verdict

PROBE = '/rtseg_doctor_'  # how the topics of this check begin
SMALL = '1 kB (16x21)'
POINTS = '18 MB (points of 1280x720)'
SIZES_HW = {
    SMALL: (16, 21),
    '0.9 MB (640x480)': (480, 640),
    '6 MB (1920x1080)': (1080, 1920),
    POINTS: (720, 1280 * POINT_STEP // 3 + 1),
}
FRAMES = 20
RATE_HZ = 15.0
MOST_BYTES_PER_S = 100e6  # larger messages come more seldom
PATIENCE_S = 15.0
ENOUGH, ENOUGH_POINTS = 0.9, 0.5  # what matters of points is that they fit
_EITHER = ' or '.join(PROFILE_VARIABLES)


def transport(node: Node) -> list[Verdict]:
    """Send images from another process and count those that arrive.

    Args:
        node: Receives; nobody else may be spinning it.
    """
    findings = [_settings()]
    if not findings[0].ok:
        return findings
    arrived: dict[str, int] = {}
    told = False
    for name, (height, width) in SIZES_HW.items():
        topic = f'{PROBE}{os.getpid()}_{width}'
        arrivals: list[float] = []
        # As nodes and viewers have it: images best effort, points reliable.
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        if name == POINTS:
            qos = QoSProfile(depth=5)

        def note(_: bytes, arrivals: list[float] = arrivals) -> None:
            arrivals.append(time.monotonic())

        subscription = node.create_subscription(Image, topic, note, qos, raw=True)
        sender = subprocess.Popen(
            [sys.executable, '-m', __name__, topic, str(height), str(width)],
            start_new_session=True,  # Ctrl-C reaches the doctor, which then ends it
        )
        try:
            end, reminder = time.monotonic() + PATIENCE_S, Reminder(node)
            while time.monotonic() < end and len(arrivals) < FRAMES:
                reminder.waiting_for(
                    f'images of {name} from another process, {len(arrivals)} of {FRAMES} arrived'
                )
                rclpy.spin_once(node, timeout_sec=0.02)
                if sender.poll() is not None and time.monotonic() > end - PATIENCE_S + 1:
                    end = min(end, time.monotonic() + 0.5)
        finally:
            sender.kill()
            sender.wait()
        node.destroy_subscription(subscription)
        arrived[name] = len(arrivals)
        findings.append(verdict(name, arrived, told=told))
        told = told or not findings[-1].ok
        if not arrived[SMALL]:
            break
    return findings


def _settings() -> Verdict:
    implementation = rclpy.utilities.get_rmw_implementation_identifier()
    profiles = {name: os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)}
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    settings = ', '.join(f'{name}={profile}' for name, profile in profiles.items())
    text = f'{implementation}, domain {domain}, {settings or _EITHER + " not set"}'
    for name, profile in profiles.items():
        if not os.path.isfile(profile):
            return Verdict(
                'DDS', False, f'{text}: there is no file {profile}; mend or unset {name}'
            )
    return Verdict('DDS', True, text)


def verdict(name: str, arrived: dict[str, int], *, told: bool) -> Verdict:
    """Judge one size.

    Args:
        name: Of SIZES_HW.
        arrived: Images that arrived, of this size and of those before.
        told: Whether it was said already what to do.
    """
    title = f'DDS, {name}'
    text = f'{arrived[name]} of {FRAMES} images arrived'
    if arrived[name] >= _enough(name):
        return Verdict(title, True, text)
    if not arrived[SMALL]:
        hint = (
            'processes on this machine do not hear each other: is ROS_AUTOMATIC_DISCOVERY_RANGE '
            'OFF, a firewall or a full /dev/shm in the way?'
        )
    elif told:
        hint = 'as above'
    elif arrived[SMALL] < _enough(SMALL):
        hint = (
            'these are small, so the size of buffers is not why: is this machine very busy? Run '
            'it again when it is not'
        )
    elif not is_fast_dds():
        hint = 'raise the buffers of your middleware, as its documentation says'
    elif has_profile():
        hint = (
            f'although a profile is set; does it give as much room as {share_file(PROFILE)}, and '
            'is this machine very busy?'
        )
    else:
        hint = (
            'Fast DDS has no room for them. In every terminal, before camera and node: export '
            f'{profile_variable()}={share_file(PROFILE)}'
        )
    return Verdict(title, False, f'{text}; {hint}')


def _enough(name: str) -> float:
    return (ENOUGH_POINTS if name == POINTS else ENOUGH) * FRAMES


def _send(topic: str, height: int, width: int) -> None:
    """Send FRAMES images as soon as somebody listens; the body of the other process."""
    rclpy.init()
    node = rclpy.create_node('rtseg_doctor_sender')
    publisher = node.create_publisher(Image, topic, QoSProfile(depth=5))
    data = array('B', bytes(height * width * 3))
    image = Image(height=height, width=width, encoding='bgr8', step=3 * width, data=data)
    end = time.monotonic() + PATIENCE_S
    while not publisher.get_subscription_count() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    for _ in range(FRAMES):
        publisher.publish(image)
        time.sleep(max(1 / RATE_HZ, len(data) / MOST_BYTES_PER_S))
    time.sleep(1.0)
    rclpy.try_shutdown()


if __name__ == '__main__':
    _send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
