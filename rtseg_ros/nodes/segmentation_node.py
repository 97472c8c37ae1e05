# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The perception node: camera images in, label images, confidence and overlays out."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('segmentation_node'))  # takes the signals, then imports this file

from collections.abc import Iterator
from contextlib import contextmanager
import threading
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import LoggingSeverity
from rclpy.parameter import Parameter
from rclpy.time_source import CLOCK_TOPIC
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

from rtseg_ros.nodes.executor import NodeExecutor
from rtseg_ros.nodes.log_bridge import forward_log
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.output_table import BY_NAME
from rtseg_ros.nodes.parameters import (
    SegmentationParameters,
    declare_parameters,
    read_parameters,
    refusal,
)
from rtseg_ros.nodes.segmentation.accounting import FrameAccount, LogLimit, reason_of
from rtseg_ros.nodes.segmentation.camera import Camera, qos_of
from rtseg_ros.nodes.segmentation.frame_pipeline import FramePipeline
from rtseg_ros.nodes.segmentation.frame_worker import FrameWorker
from rtseg_ros.nodes.segmentation.label_info import ABSENCE, LabelInfo, label_info
from rtseg_ros.nodes.segmentation.model_swap import KINDS, ModelSwap
from rtseg_ros.nodes.segmentation.places import pose_of, read_spatial_settings
from rtseg_ros.nodes.segmentation.reporter import Reporter
from rtseg_ros.nodes.spatial.ground_topic import Pose
from rtseg_ros.nodes.spatial.outputs import SpatialSettings

TAP_PERIOD_S = 0.1
DIAGNOSTICS_PERIOD_S = 1.0
Success = TransitionCallbackReturn.SUCCESS
Failure = TransitionCallbackReturn.FAILURE


class SegmentationNode(LifecycleNode):
    """Labels the latest image of each camera; older ones that still wait are counted and dropped.

    The executor's threads receive, answer services and report. One worker thread does decode,
    segment, publish; it alone uses the engine. A new model is loaded in a service's thread while
    the old one goes on.
    """

    def __init__(self) -> None:
        super().__init__('segmentation')
        declare_parameters(self, KINDS)
        for name in ('rtseg_ros.tensorrt', 'rtseg_ros.openvino'):
            forward_log(name, self.get_logger())
        self._total = FrameAccount()
        self._reporter = Reporter(self, self._total)
        self._accounts: dict[str, FrameAccount] = {}
        self._log_limit = LogLimit()
        self._pipeline = FramePipeline(
            SegmentationParameters(), clock=self.get_clock(), log=self._log_refusal
        )
        self._worker = FrameWorker[Camera](self._pipeline.work, name='segmentation')
        self._cameras: tuple[Camera, ...] = ()
        self._cameras_lock = threading.Lock()
        self._models = ModelSwap(
            self,
            self._pipeline,
            self._worker,
            self._reporter,
            on_labels=self._publish_label_info,
        )
        self.add_on_set_parameters_callback(self._on_parameters)
        # Loading takes seconds to minutes: the rest goes on, and a second call is refused.
        self.create_service(
            Trigger,
            '~/load_model',
            self._on_load_model,
            callback_group=ReentrantCallbackGroup(),
        )
        self.create_service(SetBool, '~/enable', self._on_enable)
        output = BY_NAME['/diagnostics']
        self._diagnostics = self.create_publisher(
            output.message_type(), output.name, qos_of(output)
        )
        # These must go on with use_sim_time, and while a service builds an engine.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period_s, callback in (
            (TAP_PERIOD_S, self._update_taps),
            (DIAGNOSTICS_PERIOD_S, self._publish_diagnostics),
        ):
            group = MutuallyExclusiveCallbackGroup()
            self.create_timer(period_s, callback, callback_group=group, clock=steady)
        if LabelInfo is None:
            self.get_logger().warning(ABSENCE)
        if self.get_parameter('autostart').value:
            self._autostart = self.create_timer(0.0, self._start_by_itself, clock=steady)

    def create_subscription(self, msg_type: Any, topic: str, *args: Any, **options: Any) -> Any:
        """Subscribe as any node; simulated time goes on while another callback loads a model."""
        if topic == CLOCK_TOPIC:
            options['callback_group'] = MutuallyExclusiveCallbackGroup()
        return super().create_subscription(msg_type, topic, *args, **options)

    # Lifecycle: no exception leaves a transition.

    def _LifecycleNodeMixin__on_change_state(  # noqa: N802  the name that rclpy calls
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        """Refuse what is no transition from this state; before Kilted, rclpy does not answer."""
        try:
            return super()._LifecycleNodeMixin__on_change_state(request, response)  # type: ignore[misc]
        except RuntimeError as error:  # rclpy's RCLError
            self.get_logger().error(f'transition refused: {error}')
            response.success = False
            return response

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model; all that can fail, fails here."""
        try:
            settings = read_parameters(self, SegmentationParameters)
            names = settings.camera_names()
            spatial = read_spatial_settings(self, settings)
            pose = pose_of(self, spatial.ground)
            self._models.load_first(settings, spatial.points.classes)
            for name in names:
                self._cameras += (self._camera(name, settings, spatial, pose),)
            self._publish_label_info()
        except Exception as error:  # noqa: BLE001  the caller may mend it and try again
            self._reporter.configure_error = reason_of(error)
            self._hush_if_stopping()
            self.get_logger().error(f'not configured: {self._reporter.configure_error}')
            self._release()
            return Failure
        self._reporter.configure_error = ''
        self._hush_if_stopping()
        self._models.log()
        self._reporter.state = 'inactive'
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the tap."""
        result = super().on_activate(state)
        try:
            for camera in self._cameras:
                camera.set_tap(self._reporter.enabled)
        except Exception as error:  # noqa: BLE001  the caller may mend it and try again
            self.get_logger().error(f'not activated: {reason_of(error)}')
            self._close_taps('the node was deactivated')
            super().on_deactivate(state)
            return Failure
        self._reporter.state = 'active'
        for camera in self._cameras:
            self.get_logger().info(camera.summary())
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the tap; a frame in work is finished first."""
        self._close_taps('the node was deactivated')
        self._reporter.state = 'inactive'
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the engine and the topics."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything from whatever state the node is in."""
        self._close_taps('the node was shut down')
        self._release()
        self._reporter.state = 'finalized'
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall back to unconfigured, so that configure can be tried again."""
        self._close_taps('the node failed')
        self._release()
        return Success

    def stop(self) -> None:
        """Finish the frame in work and free the engine; the process is about to end."""
        self._worker.stop()
        self._pipeline.install(None)

    def report(self, error: Exception) -> None:
        """Log what escaped from a callback of rclpy itself; the node goes on."""
        if rclpy.ok() and self._log_limit.passes(repr(error)):
            self.get_logger().error(f'callback failed: {reason_of(error)}')

    def _hush_if_stopping(self) -> None:
        """Log no more once a signal has taken the context away.

        What rclpy would say of the transition that was interrupted helps nobody, and buries the
        reason for which a launch stops all nodes.
        """
        if not rclpy.ok():
            self.get_logger().set_level(LoggingSeverity.FATAL)

    def _start_by_itself(self) -> None:
        self.destroy_timer(self._autostart)
        if self.trigger_configure() == Success:
            self.trigger_activate()

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Take images or none, while the lifecycle, the model and its memory stay as they are."""
        self._reporter.enabled = request.data
        response.success, response.message = True, self._reporter.state
        if self._reporter.state != 'active':
            response.message += '; it counts once the node is active'
        elif request.data:
            for camera in self._cameras:
                camera.set_tap(True)
        else:
            self._close_taps('disabled by ~/enable')
        return response

    def _close_taps(self, reason: str) -> None:
        for camera in self._cameras:
            camera.set_tap(False)
            if self._worker.drop(camera):
                camera.account.finish('stale', reason=reason)
        self._worker.call(lambda: None)  # the frame in work is done after this

    def _release(self) -> None:
        self._reporter.state = 'unconfigured'
        with self._models.changing:
            with self._cameras_lock:
                cameras, self._cameras = self._cameras, ()
            for camera in cameras:
                camera.destroy()
                self._worker.forget(camera)
            self._models.unload()

    def _camera(
        self, name: str, settings: SegmentationParameters, spatial: SpatialSettings, pose: Pose
    ) -> Camera:
        account = self._accounts.setdefault(name, FrameAccount(self._total))
        compressed = settings.image_transport == 'compressed'
        return Camera(
            self,
            name,
            compressed=compressed,
            account=account,
            on_frame=self._on_frame,
            spatial=spatial,
            pose=pose,
            log=self._log_refusal,
        )

    # Model

    def _on_load_model(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Load the file of parameter ``model`` anew, e.g. after it was replaced on disk."""
        if self._pipeline.segmenter is None:
            response.message = 'the node is not configured; configure loads the model'
            return response
        try:
            response.success, response.message = True, self._models.exchange()
        except Exception as error:  # noqa: BLE001  the old model goes on
            response.message = reason_of(error)
            if self._pipeline.segmenter is not None:
                response.message += '; the old model goes on'
            self.get_logger().error(f'model not loaded: {response.message}')
        return response

    def _on_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        reason = self._apply(changes)
        if reason:
            self.get_logger().warning(f'parameter refused: {reason}')
        return SetParametersResult(successful=not reason, reason=reason)

    def _apply(self, changes: list[Parameter]) -> str:
        """Carry out parameter changes all together; say why not, or nothing."""
        segmenter = self._pipeline.segmenter
        configured = segmenter is not None
        reasons = (
            refusal(changes, kind, configured=configured, prefix=prefix)
            for prefix, kind in KINDS.items()
        )
        reason = next(filter(None, reasons), '')
        if reason or segmenter is None:
            return reason
        known = {c.name: c.value for c in changes if hasattr(self._pipeline.settings, c.name)}
        try:
            if 'model' in known:
                self._models.exchange(**known)
            else:
                self._models.change(**known)
        except Exception as error:  # noqa: BLE001  refused, and all stays as it was
            return reason_of(error)
        return ''

    def _publish_label_info(self) -> None:
        segmenter = self._pipeline.segmenter
        if LabelInfo is None or segmenter is None:
            return
        header = Header(stamp=self.get_clock().now().to_msg())
        message = label_info(
            segmenter.labels,
            min_confidence=self._pipeline.settings.min_confidence,
            header=header,
        )
        for camera in self._cameras:
            camera.publish_label_info(message)

    # Frames

    def _on_frame(self, camera: Camera, data: bytes) -> None:
        if not camera.limit.passes(self._pipeline.settings.max_rate_hz):
            camera.account.finish('skipped')
        elif self._worker.put(camera, data):
            camera.account.finish('superseded')

    def _log_refusal(self, text: str) -> None:
        if rclpy.ok() and self._log_limit.passes(text):
            self.get_logger().warning(text)

    def _update_taps(self) -> None:
        with self._cameras_lock, unless_stopping():
            for camera in self._cameras:
                camera.update()

    def _publish_diagnostics(self) -> None:
        with self._cameras_lock, unless_stopping():
            message = self._reporter.message(
                self._cameras,
                self._pipeline.segmenter,
                max_age_ms=self._pipeline.settings.max_age_ms,
            )
            self._diagnostics.publish(message)


@contextmanager
def unless_stopping() -> Iterator[None]:
    """Let errors pass in silence once a signal has taken the context away."""
    try:
        yield
    except Exception:
        if rclpy.ok():
            raise


def main(arguments: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; 1 if a parameter has an impossible value."""
    return run_node('segmentation', SegmentationNode, _spin, arguments=arguments)


def _spin(node: SegmentationNode) -> None:
    executor = NodeExecutor(threads=4, report=node.report)
    executor.add_node(node)
    try:
        while rclpy.ok():
            try:
                executor.spin_once()
            except ExternalShutdownException:
                break
            except Exception as error:  # noqa: BLE001  e.g. an entity that just went away
                node.report(error)
    finally:
        node.stop()
        executor.shutdown()
