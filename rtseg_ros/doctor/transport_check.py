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

from rtseg_ros.installation import PROFILE_VARIABLES, profile_variable
from rtseg_ros.spatial.point_layout import POINT_STEP
from rtseg_ros.verdict import Verdict

POINTS = '18 MB (points of 1280x720)'
SIZES_HW = {
    '1 kB (16x21)': (16, 21),
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
    small = 0
    for name, (height, width) in SIZES_HW.items():
        topic = f'/rtseg_doctor_{os.getpid()}_{width}'
        arrivals: list[float] = []
        # As nodes and viewers have it: images best effort, points reliable.
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        if name == POINTS:
            qos = QoSProfile(depth=5)
        subscription = node.create_subscription(
            Image, topic, lambda _, a=arrivals: a.append(time.monotonic()), qos, raw=True
        )
        sender = subprocess.Popen(
            [sys.executable, '-m', __name__, topic, str(height), str(width)],
            start_new_session=True,  # Ctrl-C reaches the doctor, which then ends it
        )
        try:
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end and len(arrivals) < FRAMES:
                rclpy.spin_once(node, timeout_sec=0.02)
                if sender.poll() is not None and time.monotonic() > end - PATIENCE_S + 1:
                    end = min(end, time.monotonic() + 0.5)
        finally:
            sender.kill()
            sender.wait()
        node.destroy_subscription(subscription)
        small = small or len(arrivals)
        findings.append(_verdict(name, len(arrivals), anything=small > 0))
        if not small:
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


def _verdict(name: str, arrived: int, *, anything: bool) -> Verdict:
    title = f'DDS, {name}'
    text = f'{arrived} of {FRAMES} images arrived'
    if arrived >= (ENOUGH_POINTS if name == POINTS else ENOUGH) * FRAMES:
        return Verdict(title, True, text)
    if not anything:
        hint = (
            'processes on this machine do not hear each other: is ROS_AUTOMATIC_DISCOVERY_RANGE '
            'OFF, a firewall or a full /dev/shm in the way?'
        )
    else:
        hint = (
            f'set {profile_variable()} to config/fastdds_images.xml of this package '
            'for camera and node (Fast DDS), or raise the buffers of your DDS'
        )
    return Verdict(title, False, f'{text}; {hint}')


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
