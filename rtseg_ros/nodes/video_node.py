"""A video file or a folder of images as a camera."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('video_node'))  # takes the signals, then imports this file

from itertools import islice

from diagnostic_msgs.msg import DiagnosticArray
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.nodes.diagnostics import status
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.parameters import VideoParameters, declare_parameters, read_parameters
from rtseg_ros.nodes.reminder import Reminder


class VideoNode(Node):
    """Publishes frames on ``image`` at a fixed rate, stamped with the node's clock."""

    def __init__(self) -> None:
        super().__init__('video')
        declare_parameters(self, {'': VideoParameters})
        self._settings = read_parameters(self, VideoParameters)
        self._open()
        if self._next is None:
            why = ''.join(f'; {problem}' for problem in self._footage.problems[:3])
            first = self._settings.first_frame
            after = f' after the first {first} (first_frame)' if first else ''
            raise FrameError(
                f"'{self._settings.source}' holds no frames that can be decoded{after}{why}"
            )
        self.sent = 0
        self.finished = False
        self._reminder = Reminder(self)
        self._publisher = self.create_publisher(Image, 'image', QoSProfile(depth=10))
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        rate_hz = self._settings.rate_hz or self._footage.rate_hz
        self.create_timer(1 / rate_hz, self._on_frame_time)
        # Must go on with use_sim_time; the frames follow the simulated time.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)
        self.get_logger().info(f'{self._settings.source} at {rate_hz:.2f} Hz')

    def _open(self) -> None:
        self._footage = open_footage(self._settings.source)
        self._frames = islice(self._footage, self._settings.first_frame, None)
        self._next = next(self._frames, None)

    def _on_frame_time(self) -> None:
        waits = self._publisher.get_subscription_count() < self._settings.wait_for_subscribers
        if self.sent == 0 and waits:
            self._reminder.waiting_for(
                f'{self._settings.wait_for_subscribers} subscribers of '
                f'{self._publisher.topic_name}'
            )
            return
        if self.finished:
            return
        if self._next is None:
            for problem in self._footage.problems:
                self.get_logger().warning(problem)
            if self._settings.loop:
                self._open()
        if self._next is None or self.sent == (self._settings.limit or None):
            self.finished = True
            self.get_logger().info(f'end of {self._settings.source}: {self.sent} frames sent')
            return
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._settings.frame_id)
        self._publisher.publish(image_from_array(self._next.frame, 'bgr8', header=header))
        self.sent += 1
        self._next = next(self._frames, None)  # decoded now, so that the next one is on time

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status.append(
            status(
                self.get_fully_qualified_name().lstrip('/'),
                hardware_id=self._settings.source,
                values={
                    'sent': self.sent,
                    'finished': self.finished,
                    'problems': '; '.join(self._footage.problems),
                },
            )
        )
        self._diagnostics.publish(message)


def main() -> int:
    """Run the node until SIGINT or SIGTERM; 1 if a parameter or the source cannot be used."""
    return run_node('video', VideoNode, rclpy.spin)
