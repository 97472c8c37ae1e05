# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What points, ground and rectification cost beside one copy of the same size."""

from collections.abc import Callable
from dataclasses import dataclass
import os
import subprocess
import sys
import time

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2

from rtseg_ros.nodes.spatial.messages import CloudMessage
from rtseg_ros.spatial.camera_model import CameraModel
from rtseg_ros.spatial.ground import GridExtent, GroundGrid, pose_from_angles
from rtseg_ros.spatial.points import PointMaker, PointOptions
from rtseg_ros.spatial.rectify import Rectifier

SIZE_HW = (480, 640)
ROUNDS, WARM_UP = 101, 5
STRIDES = (1, 2, 4)
PATIENCE_S = 20.0
# What this package set itself, ms, at SIZE_HW on two cores.
POINTS_MS, GRID_MS, RECTIFY_MS = 4.0, 3.0, 2.0


@dataclass(frozen=True)
class PlacesRow:
    """One piece of work.

    Attributes:
        what: In words.
        p50_ms: Median time.
        p95_ms: 95th percentile.
        copy_ms: Median time of one copy of as many bytes as the result has.
        target_ms: What it shall take at most; None without one.
    """

    what: str
    p50_ms: float
    p95_ms: float
    copy_ms: float
    target_ms: float | None


def places(progress: Callable[[str], None]) -> list[PlacesRow]:
    """Measure all, on made depth and a made mask.

    Args:
        progress: Told what is measured.
    """
    height, width = SIZE_HW
    k = (500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0)
    eye = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    bent = CameraModel(SIZE_HW, k, 'plumb_bob', (-0.2, 0.05, 0.0, 0.0, 0.0), eye, k)
    rng = np.random.default_rng(0)
    depth = rng.integers(300, 8000, SIZE_HW, dtype=np.uint16)
    labels = np.kron(rng.integers(0, 12, (12, 16)), np.ones((40, 40))).astype(np.uint8)
    confidence = rng.integers(0, 256, SIZE_HW, dtype=np.uint8)
    frame = rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    rows = []
    clouds = {}
    for stride in STRIDES:
        progress(f'points, stride {stride}')
        maker = PointMaker(bent, PointOptions(stride=stride))
        cloud = clouds[stride] = CloudMessage(maker.shape)
        for kind, dtype in (('16UC1', depth), ('32FC1', depth.astype(np.float32) / 1000)):
            rows.append(
                _row(
                    f'points of {kind}, stride {stride}: arrays to a ready message',
                    lambda m=maker, c=cloud, d=dtype: m.from_depth(  # type: ignore[misc]
                        d, labels, confidence=confidence, colors_bgr=frame, out=c.points
                    ),
                    cloud.points.nbytes,
                    POINTS_MS if stride == 1 else None,
                )
            )
    progress('ground')
    grid = GroundGrid(bent, pose_from_angles(0, 0, 1.0, 0, 0.3, 0), GridExtent())
    rows.append(
        _row(
            f'ground of {grid.extent.width} x {grid.extent.height} cells',
            lambda: grid.grid(labels, driveable=(1, 2)),
            grid.extent.width * grid.extent.height,
            GRID_MS,
        )
    )
    progress('rectification')
    rectify = Rectifier(bent)
    rows.append(_row('rectify an image', lambda: rectify.image(frame), frame.nbytes, RECTIFY_MS))
    rows.append(
        _row('a mask back (inside)', lambda: rectify.back(labels, fill=255), labels.nbytes, None)
    )
    return rows + _publishing(clouds, progress)


def places_table(rows: list[PlacesRow]) -> str:
    """Return the rows in Markdown."""
    lines = [
        f'| {SIZE_HW[1]}x{SIZE_HW[0]} | p50 ms | p95 ms | copy of its size, ms | target ms |',
        '|---|---:|---:|---:|---:|',
    ]
    for row in rows:
        target = '' if row.target_ms is None else f'{row.target_ms:g}'
        lines.append(
            f'| {row.what} | {row.p50_ms:.2f} | {row.p95_ms:.2f} | {row.copy_ms:.2f} | {target} |'
        )
    return '\n'.join(lines)


def _row(
    what: str, work: Callable[[], object], num_bytes: int, target_ms: float | None
) -> PlacesRow:
    source = np.ones(num_bytes, np.uint8)
    target = np.zeros_like(source)
    times, copies = _times_ms(work), _times_ms(lambda: np.copyto(target, source))
    p50, p95 = np.percentile(times, (50, 95))
    return PlacesRow(what, float(p50), float(p95), float(np.median(copies)), target_ms)


def _times_ms(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(WARM_UP + ROUNDS):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times[WARM_UP:]


def _publishing(
    clouds: dict[int, CloudMessage], progress: Callable[[str], None]
) -> list[PlacesRow]:
    """Measure publishing to one subscriber in another process."""
    rclpy.init()
    node = rclpy.create_node('rtseg_places')
    topic = f'/rtseg_places_{os.getpid()}'
    publisher = node.create_publisher(PointCloud2, topic, QoSProfile(depth=5))
    listener = subprocess.Popen([sys.executable, '-m', __name__, topic])
    rows = []
    try:
        end = time.monotonic() + PATIENCE_S
        while not publisher.get_subscription_count() and time.monotonic() < end:
            time.sleep(0.05)
        for stride, cloud in clouds.items():
            progress(f'publishing, stride {stride}')
            rows.append(
                _row(
                    f'publish {cloud.points.nbytes / 1e6:.1f} MB, stride {stride}',
                    lambda c=cloud: publisher.publish(c.message),  # type: ignore[misc]
                    cloud.points.nbytes,
                    None,
                )
            )
    finally:
        listener.terminate()
        listener.wait()
        node.destroy_node()
        rclpy.try_shutdown()
    return rows


def _listen(topic: str) -> None:
    """Take what comes until a signal; the body of the other process."""
    rclpy.init()
    node = rclpy.create_node('rtseg_places_listener')
    node.create_subscription(PointCloud2, topic, lambda _: None, QoSProfile(depth=5), raw=True)
    try:
        rclpy.spin(node)
    except rclpy.executors.ExternalShutdownException:
        pass


if __name__ == '__main__':
    _listen(sys.argv[1])
