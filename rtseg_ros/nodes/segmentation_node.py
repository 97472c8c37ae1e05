"""The perception node: camera images in, label images and overlays out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from rtseg_ros.errors import FrameError, RtsegError
from rtseg_ros.nodes.accounting import FrameAccount
from rtseg_ros.nodes.diagnostics import segmentation_status
from rtseg_ros.nodes.messages import frame_from_image, image_from_array
from rtseg_ros.nodes.parameters import (
    SegmentationParameters,
    declare_parameters,
    read_parameters,
    refusal,
)
from rtseg_ros.overlay import overlay_from_labels
from rtseg_ros.runtime import Segmenter, load_segmenter

LATEST = QoSProfile(
    depth=1,
    history=qos_profile_sensor_data.history,
    reliability=qos_profile_sensor_data.reliability,
)
RELIABLE = QoSProfile(depth=5)


class SegmentationNode(LifecycleNode):
    """Labels the latest image; older ones that were still waiting are dropped and counted.

    The executor's thread only receives. One worker thread owns the engine, because a CUDA
    context belongs to a thread, and does decode, segment, publish.
    """

    def __init__(self) -> None:
        super().__init__('segmentation')
        declare_parameters(self, SegmentationParameters)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._settings = read_parameters(self, SegmentationParameters)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix='segmentation')
        self._segmenter: Segmenter | None = None
        self._subscription = None
        self._account = FrameAccount()
        self._lock = threading.Lock()  # guards _waiting and _busy
        self._waiting: tuple[Image, int] | None = None
        self._busy = False
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # must tick with use_sim_time too
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model; all that can fail, fails here."""
        self._settings = read_parameters(self, SegmentationParameters)
        parameters = self._settings
        try:
            self._segmenter = self._worker.submit(
                load_segmenter,
                parameters.model,
                engine=parameters.engine,
                providers=parameters.providers,
                threads=parameters.threads,
            ).result()
        except RtsegError as error:
            self.get_logger().error(f'not configured: {error}')
            return TransitionCallbackReturn.FAILURE
        self._palette = self._segmenter.labels.palette_bgr()
        self._mask_publisher = self.create_lifecycle_publisher(Image, '~/mask', RELIABLE)
        self._overlay_publisher = self.create_lifecycle_publisher(Image, '~/overlay', RELIABLE)
        model = self._segmenter.engine.model
        self.get_logger().info(
            f'model {model.path.name} ({model.metadata.network}, '
            f'{model.size_hw[0]}x{model.size_hw[1]}, {self._segmenter.labels.num_classes} '
            f'classes) on {self._segmenter.engine.name}, {self._segmenter.engine.device}, '
            f'{self._segmenter.engine.precision}'
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the tap."""
        result = super().on_activate(state)
        self._subscription = self.create_subscription(Image, 'image', self._on_image, LATEST)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the tap; a frame in work is finished first."""
        self._close_tap()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the engine and the publishers."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything from whatever state the node is in."""
        self._close_tap()
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall back to unconfigured, so that configure can be tried again."""
        self._close_tap()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> None:
        """Finish the frame in work and free the engine; the process is about to end."""
        self._close_tap()
        self._release()
        self._worker.shutdown()

    def _close_tap(self) -> None:
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._account.finish('stale', reason='the node was deactivated')
        self._worker.submit(lambda: None).result()  # the frame in work is done after this

    def _release(self) -> None:
        if self._segmenter is None:
            return
        self._worker.submit(self._segmenter.close).result()
        self._segmenter = None
        for publisher in (self._mask_publisher, self._overlay_publisher):
            self.destroy_publisher(publisher)

    # Frames

    def _on_image(self, message: Image) -> None:
        self._account.receive()
        with self._lock:
            superseded, self._waiting = self._waiting, (message, time.perf_counter_ns())
            start, self._busy = not self._busy, True
        if superseded is not None:
            self._account.finish('superseded')
        if start:
            self._worker.submit(self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting is None:
                    self._busy = False
                    return
            try:
                self._segment(*waiting)
            except FrameError as error:
                self._refuse('rejected', str(error))
            except RtsegError as error:
                self._refuse('failed', str(error))
            except Exception as error:  # noqa: BLE001  the node must outlive any one frame
                self._refuse('failed', f'{type(error).__name__}: {error}')

    def _segment(self, message: Image, received_ns: int) -> None:
        assert self._segmenter is not None
        start = time.perf_counter_ns()
        frame = frame_from_image(message)
        decoded = time.perf_counter_ns()
        result = self._segmenter(frame)
        segmented = time.perf_counter_ns()
        mask = image_from_array(result.labels, 'mono8', header=message.header)
        self._mask_publisher.publish(mask)
        if self._overlay_publisher.get_subscription_count():
            overlay = overlay_from_labels(
                frame,
                result.labels,
                palette_bgr=self._palette,
                alpha=self._settings.overlay_alpha,
            )
            self._overlay_publisher.publish(
                image_from_array(overlay, 'bgr8', header=message.header)
            )
        done = time.perf_counter_ns()
        self._account.record(
            {
                'wait': (start - received_ns) / 1e6,
                'decode': (decoded - start) / 1e6,
                **result.timing_ms,
                'publish': (done - segmented) / 1e6,
                'total': (done - received_ns) / 1e6,
            }
        )
        self._account.finish('published')

    def _refuse(self, bin_name: str, reason: str) -> None:
        self._account.finish(bin_name, reason=reason)
        self.get_logger().warning(f'frame {bin_name}: {reason}', throttle_duration_sec=5.0)

    # Reporting

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status.append(
            segmentation_status(
                self.get_fully_qualified_name().lstrip('/'), self._account, self._segmenter
            )
        )
        self._diagnostics.publish(message)

    def _on_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        reason = refusal(changes, SegmentationParameters, configured=self._segmenter is not None)
        if not reason:
            known = {c.name: c.value for c in changes if hasattr(self._settings, c.name)}
            self._settings = replace(self._settings, **known)
        return SetParametersResult(successful=not reason, reason=reason)


def main() -> int:
    """Run the node until SIGINT or SIGTERM."""
    rclpy.init()
    node = SegmentationNode()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.stop()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
