# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Turns a training checkpoint into a model file, and that into a TensorRT plan; then ends."""

from __future__ import annotations

if __name__ == '__main__':
    import sys

    from rtseg_ros.nodes.start import start

    sys.exit(start('conversion_node'))  # takes the signals, then imports this file

import time
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile

from rtseg_ros.conversion.plan import BuiltPlan, build_model_plan, only_engine
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ParityError, RtsegError
from rtseg_ros.nodes.diagnostics import status
from rtseg_ros.nodes.log_bridge import forward_log
from rtseg_ros.nodes.main import run_node
from rtseg_ros.nodes.parameters import declare_parameters, read_parameters
from rtseg_ros.nodes.start import STOPPED
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.signals import ignore_signals

if TYPE_CHECKING:
    from rtseg_ros.conversion.convert import Conversion

TENSORRT = 'tensorrt.'
# Steps of one stage between two lines of the log.
_LOG_SHARE = 0.25
# A listener takes so long to discover a new node: one that ends sooner would go unheard.
_DISCOVERY_S = 3.0
_DELIVERY_S = 1.0


class ConversionNode(Node):
    """Runs one conversion; says on ``/diagnostics`` and in its log how far it is."""

    def __init__(self, overrides: dict[str, Any] | None = None, **options: Any) -> None:
        """Declare the parameters.

        Args:
            overrides: Parameter values, before those of the command line.
            options: Of rclpy's Node, e.g. ``namespace``.
        """
        values = [Parameter(key, value=value) for key, value in (overrides or {}).items()]
        super().__init__('conversion', parameter_overrides=values, **options)
        declare_parameters(self, {'': ConversionSettings, TENSORRT: TensorRtOptions})
        forward_log('rtseg_ros.tensorrt', self.get_logger())
        # Kept for those who subscribe late: the last word comes just before the node's end.
        kept = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', kept)
        self._heard_from = time.monotonic() + _DISCOVERY_S
        self._logged = 0.0

    def run(self) -> int:
        """Convert, build or both; returns the exit status, as ``rtseg convert`` does.

        Raises:
            KeyboardInterrupt: If a signal stopped it; no file is half written.
        """
        done: Conversion | None = None
        built: BuiltPlan | None = None
        try:
            settings = read_parameters(self, ConversionSettings)
            options = read_parameters(self, TensorRtOptions, prefix=TENSORRT)
            if not only_engine(settings, options):
                # Imported here: a robot that only builds plans has no torch.
                from rtseg_ros.conversion.convert import convert

                done = convert(settings, self._progress)
                self._tell_conversion(done)
            if settings.engine:
                model = settings.checkpoint if done is None else done.model
                built = build_model_plan(model, options, self._progress)
                self.get_logger().info(built.summary())
        except (RtsegError, ModuleNotFoundError) as error:
            reason = _reason(error)
            self.get_logger().fatal(reason)
            self._say_last(reason, {'stage': 'failed'}, DiagnosticStatus.ERROR)
            return 3 if isinstance(error, ParityError) else 1
        except KeyboardInterrupt:
            self.get_logger().warning('stopped before the model was written')
            self._publish('stopped', {'stage': 'failed'}, DiagnosticStatus.ERROR)
            raise
        self._finish(done, built)
        return 0

    def _progress(self, stage: str, done: float, total: float | None) -> None:
        share = done / total if total else 0.0
        if done == 0 or share >= min(1.0, self._logged + _LOG_SHARE):
            self._logged = share
            self.get_logger().info(stage if total == 1 else f'{stage}: {done} of {total}')
        self._publish(stage, {'stage': stage, 'done': done, 'total': total})

    def _tell_conversion(self, done: Conversion) -> None:
        for note in done.notes:
            self.get_logger().info(note)
        summary = done.parity.summary()
        if done.parity.passed:
            self.get_logger().info(summary)
        else:
            self.get_logger().warning(
                f'{summary}; MISSES the tolerance, kept because of keep_anyway'
            )
        self.get_logger().info(f'wrote {done.model} and {done.report.name}')

    def _finish(self, done: Conversion | None, built: BuiltPlan | None) -> None:
        values: dict[str, Any] = {'stage': 'done'}
        messages = []
        level = DiagnosticStatus.OK
        if done is not None:
            messages.append(f'wrote {done.model} and {done.report.name}')
            values |= {
                'model': done.model,
                'sha256': done.sha256,
                'precision': done.metadata.precision,
                'passed': done.parity.passed,
                'different_pixels': done.parity.different_pixels,
                **{f'miou_{name}': value for name, value in done.parity.miou.items()},
            }
            if not done.parity.passed:
                level = DiagnosticStatus.WARN
        if built is not None:
            messages.append(built.summary())
            values |= {f'engine_{key}': value for key, value in built.to_dict().items()}
        self._say_last('; '.join(messages), values, level)

    def _say_last(self, message: str, values: dict[str, Any], level: bytes) -> None:
        """Publish how it ended, and see to it that this is not lost with the process."""
        # A signal must not make a finished conversion look like one that was stopped.
        ignore_signals()
        while not self._diagnostics.get_subscription_count():
            if time.monotonic() > self._heard_from:
                break
            time.sleep(0.05)
        self._publish(message, values, level)
        self._diagnostics.wait_for_all_acked(Duration(seconds=_DELIVERY_S))

    def _publish(
        self, message: str, values: dict[str, Any], level: bytes = DiagnosticStatus.OK
    ) -> None:
        item = status(
            self.get_fully_qualified_name(), hardware_id='', values=values, message=message
        )
        item.level = level
        array = DiagnosticArray(status=[item])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _reason(error: RtsegError | ModuleNotFoundError) -> str:
    if isinstance(error, RtsegError):
        return str(error)
    if (error.name or '').startswith('rtseg_ros'):
        raise error  # our own fault
    return (
        f"the Python package '{error.name}' is not installed; README.md, section Install, says "
        'what the converter needs'
    )


def main() -> int:
    """Run the node: 0 written, 1 an error, 3 too far from the source, 130 stopped."""
    # Nothing spins here: signals must reach the work itself.
    return run_node(
        'conversion',
        ConversionNode,
        ConversionNode.run,
        interruptible=True,
        stopped=STOPPED['conversion_node'],
    )
