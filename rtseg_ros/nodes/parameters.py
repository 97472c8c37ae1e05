"""Node parameters as dataclasses: one field holds default, description and accepted values."""

from dataclasses import Field, dataclass, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from rtseg_ros.settings import parameter

Parameters = TypeVar('Parameters')


@dataclass(frozen=True)
class SegmentationParameters:
    """Parameters of ``segmentation_node``."""

    model: str = parameter(
        'swiftnet_mnv2_camvid',
        'Path of the .onnx model, or the name of one that the package ships.',
    )
    engine: str = parameter(
        'onnxruntime', 'What runs the model.', choices=('onnxruntime', 'tensorrt')
    )
    providers: tuple[str, ...] = parameter(
        ('CPUExecutionProvider',),
        'ONNX Runtime execution providers in order of preference; all must be available.',
    )
    threads: int = parameter(
        0, 'Threads of one inference; 0 for one per core.', minimum=0, maximum=256
    )
    overlay_alpha: float = parameter(
        0.5, 'Weight of the class colours in the overlay.', minimum=0.0, maximum=1.0, live=True
    )


@dataclass(frozen=True)
class VideoParameters:
    """Parameters of ``video_node``."""

    source: str = parameter(
        '', 'Video file, or folder of images that are played in the order of their names.'
    )
    rate_hz: float = parameter(
        0.0, 'Frames per second; 0 for the rate of the video file.', minimum=0.0, maximum=1000.0
    )
    loop: bool = parameter(False, 'Start again at the end.')
    frame_id: str = parameter('camera', 'frame_id of the image headers.')
    wait_for_subscribers: int = parameter(
        0, 'Subscribers to the image topic to wait for before the first frame.',
        minimum=0, maximum=100,
    )  # fmt: skip


def declare_parameters(node: Node, kind: type[Any]) -> None:
    """Declare every field of a parameter dataclass on a node."""
    for item in fields(kind):
        value = list(item.default) if isinstance(item.default, tuple) else item.default
        node.declare_parameter(item.name, value, _descriptor(item))


def read_parameters(node: Node, kind: type[Parameters]) -> Parameters:
    """Return the node's present values as the dataclass."""
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        value = node.get_parameter(item.name).value
        values[item.name] = tuple(value) if isinstance(item.default, tuple) else value
    return kind(**values)


def refusal(changes: list[Parameter], kind: type[Any], *, configured: bool) -> str:
    """Say why parameter changes cannot be accepted; empty if they can.

    Args:
        changes: Requested values; types and ranges were checked by the descriptors.
        kind: The parameter dataclass.
        configured: Whether the node is configured, so that only live parameters may change.
    """
    known = {item.name: item for item in fields(kind)}
    for change in changes:
        item = known.get(change.name)
        if item is None:
            continue
        choices = item.metadata['choices']
        if choices and change.value not in choices:
            accepted = ', '.join(str(choice) for choice in choices)
            return f"{change.name} is '{change.value}'; accepted: {accepted}"
        if configured and not item.metadata['live']:
            return (
                f'{change.name} can only be set while the node is unconfigured; '
                'deactivate and clean up first'
            )
    return ''


def _descriptor(item: 'Field[Any]') -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=item.metadata['description'])
    if item.metadata['choices']:
        choices = ', '.join(str(choice) for choice in item.metadata['choices'])
        descriptor.additional_constraints = f'one of: {choices}'
    if item.metadata['range'] is not None:
        low, high = item.metadata['range']
        if isinstance(item.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))
            ]
    return descriptor
