# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A video file, a folder of images, a webcam or a network stream as a camera."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('video_node'))  # takes the signals, then imports this file


from collections import Counter
from itertools import islice
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.kept_camera import KeptCamera
from rtseg_ros.frames.media.live_capture import is_live
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.nodes.diagnostics import status
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.parameters import VideoParameters, declare_parameters, read_parameters
from rtseg_ros.nodes.reminder import Reminder


class VideoNode(Node):
    """Publishes frames on ``image``, stamped with the node's clock.

    Those of a file or folder at a fixed rate, those of a camera as they come.
    """

    def __init__(self) -> None:
        super().__init__('video')
        declare_parameters(self, {'': VideoParameters})
        self._settings = read_parameters(self, VideoParameters)
        self.sent = 0
        self.finished = False
        self._problems: Counter[str] = Counter()
        self._reminder = Reminder(self)
        self._publisher = self.create_publisher(Image, 'image', QoSProfile(depth=10))
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Must go on with use_sim_time; the frames of a film follow the simulated time.
        self.create_timer(
            1.0, self._publish_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._camera: KeptCamera | None = None
        if is_live(self._settings.source):
            self._open_camera()
        else:
            self._open_film()

    def _open_camera(self) -> None:
        log = self.get_logger()
        self._camera = KeptCamera(
            self._settings.source,
            retry_s=self._settings.reconnect_s,
            say=log.warning,
        )
        log.info(f'{self._camera.name}, which says {self._camera.rate_hz:.2f} Hz')
        threading.Thread(target=self._pass_on, args=(self._camera,), daemon=True).start()

    def _pass_on(self, camera: KeptCamera) -> None:
        """Publish what the camera gives: the work of a thread, since reading blocks."""
        pause_s = 1 / self._settings.rate_hz if self._settings.rate_hz else 0.0
        due_s = 0.0
        for shot in islice(camera, self._settings.first_frame, None):
            now_s = time.monotonic()
            if now_s < due_s or self._waits():
                continue
            # A quarter early still counts: cameras are not exact, and 30 Hz of 30 means all.
            due_s = max(due_s + pause_s, now_s + 0.75 * pause_s)
            try:
                self._send(shot.frame)
            except Exception:
                if not self.context.ok():  # a signal took it away meanwhile
                    return
                raise
            if self._is_enough():
                camera.close()
        if self.context.ok():
            self._finish()

    def _open_film(self) -> None:
        self._start_film()
        if self._next is None:
            why = ''.join(f'; {problem}' for problem in self._footage.problems[:3])
            first = self._settings.first_frame
            after = f' after the first {first} (first_frame)' if first else ''
            raise FrameError(
                f"'{self._settings.source}' holds no frames that can be decoded{after}{why}"
            )
        rate_hz = self._settings.rate_hz or self._footage.rate_hz
        self.create_timer(1 / rate_hz, self._on_frame_time)
        self.get_logger().info(f'{self._settings.source} at {rate_hz:.2f} Hz')

    def _start_film(self) -> None:
        self._footage = open_footage(self._settings.source)
        self._frames = islice(self._footage, self._settings.first_frame, None)
        self._next = next(self._frames, None)

    def _on_frame_time(self) -> None:
        if self.finished or self._waits():
            return
        if self._next is None:
            self._note_problems()
            if self._settings.loop:
                try:
                    self._start_film()
                except FrameError as error:  # it was taken away meanwhile
                    self._note(str(error))
        if self._next is None or self._is_enough():
            self._finish()
            return
        self._send(self._next.frame)
        self._next = next(self._frames, None)  # decoded now, so that the next one is on time

    def _waits(self) -> bool:
        """Whether the first frame has to wait for subscribers."""
        wanted = self._settings.wait_for_subscribers
        if self.sent or self._publisher.get_subscription_count() >= wanted:
            return False
        self._reminder.waiting_for(f'{wanted} subscribers of {self._publisher.topic_name}')
        return True

    def _is_enough(self) -> bool:
        return self.sent == (self._settings.limit or None)

    def _send(self, frame: np.ndarray) -> None:
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._settings.frame_id)
        self._publisher.publish(image_from_array(frame, 'bgr8', header=header))
        self.sent += 1

    def _finish(self) -> None:
        self.finished = True
        self.get_logger().info(f'end of {self._name()}: {self.sent} frames sent')

    def _name(self) -> str:
        return self._camera.name if self._camera else self._settings.source

    def _note_problems(self) -> None:
        for problem in self._footage.problems:
            self._note(problem)
        self._footage.problems.clear()

    def _note(self, problem: str) -> None:
        """Count a problem; it is said once, however often the film is looped."""
        self._problems[problem] += 1
        if self._problems[problem] == 1:
            self.get_logger().warning(problem)

    def _publish_diagnostics(self) -> None:
        values: dict[str, Any] = {'sent': self.sent, 'finished': self.finished}
        if self._camera:
            gone = not self._camera.connected
            message = f'{self._name()} is lost; waiting for it' if gone else 'ok'
            values |= {
                'connected': self._camera.connected,
                'lost': self._camera.lost,
                'skipped': self._camera.skipped,
            }
        else:
            self._note_problems()
            gone, message = False, 'ok'
            values |= {
                'unreadable': self._problems.total(),
                'problems': '; '.join(self._problems),
            }
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        array.status.append(
            status(
                self.get_fully_qualified_name().lstrip('/'),
                hardware_id=self._name(), values=values, message=message, warn=gone,
            )
        )  # fmt: skip
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Let the camera go."""
        if self._camera:
            self._camera.close()


def _spin(node: VideoNode) -> None:
    try:
        rclpy.spin(node)
    finally:
        node.close()


def main() -> int:
    """Run the node until SIGINT or SIGTERM; 1 if a parameter or the source cannot be used."""
    return run_node('video', VideoNode, _spin)
