# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Node parameters as dataclasses: one field holds default, description and accepted values."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from difflib import get_close_matches
import re
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from rtseg_ros.engines import ENGINES
from rtseg_ros.errors import SettingError
from rtseg_ros.frames.bag_options import GENERIC_ORDERS
from rtseg_ros.labels import UNLABELLED
from rtseg_ros.labels.palettes import PALETTES
from rtseg_ros.nodes.spatial.calibration import RECTIFY
from rtseg_ros.options import parameter, why_refused
from rtseg_ros.runtime.geometry import Geometry, output_size_from_text
from rtseg_ros.runtime.resizes import RESIZES, ROTATIONS

Parameters = TypeVar('Parameters')
OVERLAPS = ('auto', 'always', 'never')  # words that YAML takes for text
# An output_size of the node alone: that of a message.
CLOUD_SIZE = 'cloud'


@dataclass(frozen=True)
class SegmentationParameters:
    """Parameters of ``segmentation_node``."""

    autostart: bool = parameter(
        False, 'Configure and activate at start, instead of waiting for a lifecycle manager.'
    )
    model: str = parameter(
        'swiftnet_mnv2_camvid',
        'Path of the .onnx model, or the name of one that the package ships. Set on a running '
        'node, it is loaded beside the old one and takes its place between two frames.',
        live=True,
    )
    engine: str = parameter('onnxruntime', 'What runs the model.', choices=ENGINES)
    providers: tuple[str, ...] = parameter(
        ('CPUExecutionProvider',),
        'ONNX Runtime execution providers in order of preference; all must be available.',
    )
    threads: int = parameter(
        0,
        'Threads of one inference in ONNX Runtime; 0 for one per core.',
        minimum=0, maximum=256,
    )  # fmt: skip
    cameras: tuple[str, ...] = parameter(
        ('',),
        "Names of the cameras. One empty name: topics image and ~/mask. Names 'front', 'rear': "
        'topics front/image, ~/front/mask, rear/image and so on, one engine for all.',
    )
    max_batch: int = parameter(
        1, 'Most frames of different cameras that are taken at once.', minimum=1, maximum=64
    )
    overlap: str = parameter(
        'auto',
        'Decode the next frame and publish the last one while the engine works: always, '
        'never, or auto for with at least 4 cores, in OpenVINO 2, and an engine that can.',
        choices=OVERLAPS,
    )
    image_transport: str = parameter(
        'raw',
        'raw for sensor_msgs/Image on image; compressed for JPEG or PNG on image/compressed.',
        choices=('raw', 'compressed'),
    )
    generic_order: str = parameter(
        'bgr',
        'Order of the colours in images of 8UC3, 16UC3, 8UC4 and 16UC4, which do not name it.',
        choices=GENERIC_ORDERS,
    )
    resize: str = parameter(
        'stretch',
        "How a frame gets the shape of the network's input: stretch it, letterbox (pad it) or "
        'crop (cut its middle).',
        choices=RESIZES,
    )
    roi: tuple[int, ...] = parameter(
        (0, 0, 0, 0),
        'Region of interest in pixels of the frame: x, y, width, height; all 0 for the frame.',
    )
    rotation: int = parameter(
        0,
        'Degrees clockwise that turn the image upright, for a camera that is mounted sideways. '
        "Masks keep the camera's orientation.",
        choices=ROTATIONS,
    )
    output_size: str = parameter(
        'source',
        "Size of the mask: source (the frame's, unlabelled outside of what the network saw), "
        "region (what it saw, in the frame's pixels), network (what it saw, at its resolution), "
        "cloud (that of the latest message on cloud_in) or width and height, e.g. '640 360'.",
    )
    rectify: str = parameter(
        'off',
        'Take the distortion out of images by camera_info: output (all outputs are those of the '
        "rectified camera), inside (only the network sees it, the mask is in the camera's own "
        'pixels) or off.',
        choices=RECTIFY,
        yaml_too=True,
    )
    rectified_images: bool = parameter(
        False, 'The images come rectified: P of camera_info describes them, not K and D.'
    )
    class_groups: str = parameter(
        '', 'YAML file that merges classes or makes some unlabelled; empty for all classes.',
        live=True,
    )  # fmt: skip
    max_rate_hz: float = parameter(
        0.0,
        'Most frames of each camera that are worked on, per second; 0 for all that can be.',
        minimum=0.0, maximum=1000.0, live=True,
    )  # fmt: skip
    min_confidence: float = parameter(
        0.0,
        'Pixels below this confidence become unlabelled.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    unlabelled_id: int = parameter(
        UNLABELLED,
        'Value of unlabelled pixels in the mask; not the id of a class.',
        minimum=0, maximum=255, live=True,
    )  # fmt: skip
    max_age_ms: float = parameter(
        0.0,
        'Frames are dropped when their stamp is older than this, before the work and before '
        'publishing, ms; 0 for never.',
        minimum=0.0, maximum=1e6, live=True,
    )  # fmt: skip
    overlay_alpha: float = parameter(
        0.5, 'Weight of the class colours in the overlay.', minimum=0.0, maximum=1.0, live=True
    )
    palette: str = parameter(
        'dataset',
        'Colours of the overlay: those of the data set, or distinct ones that are told apart by '
        'everybody, for up to 19 classes.',
        choices=PALETTES, live=True,
    )  # fmt: skip
    outlines: bool = parameter(
        False, 'Draw thin lines where classes meet in the overlay.', live=True
    )

    def geometry(self) -> Geometry:
        """Return what the geometry parameters say.

        Raises:
            SettingError: If they say nothing possible.
        """
        if len(self.roi) != 4:
            raise SettingError(f'roi is {list(self.roi)}; expected x, y, width, height')
        return Geometry(
            resize=self.resize,
            roi=(self.roi[0], self.roi[1], self.roi[2], self.roi[3]) if any(self.roi) else None,
            rotation=self.rotation,
            output_size=(
                'region'
                if self.output_size == CLOUD_SIZE
                else output_size_from_text(self.output_size)
            ),
        )

    def camera_names(self) -> tuple[str, ...]:
        """Return the names of the cameras.

        Raises:
            SettingError: If a name is no topic name, or given twice.
        """
        names = self.cameras or ('',)
        if len(set(names)) != len(names) or (len(names) > 1 and '' in names):
            raise SettingError(f'cameras is {list(names)}; every camera needs a name of its own')
        for name in names:
            if name and not re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name):
                raise SettingError(
                    f"cameras: '{name}' is no name for a topic; letters, digits and _, "
                    'beginning with a letter'
                )
        return names


@dataclass(frozen=True)
class VideoParameters:
    """Parameters of ``video_node``."""

    source: str = parameter(
        '',
        'Video file, folder of images that are played in the order of their names, number or '
        'device file of a camera, or URL of a stream.',
        yaml_too=True,
    )
    rate_hz: float = parameter(
        0.0,
        'Frames per second; 0 for the rate of the video file. Of a camera: at most so many, 0 '
        'for all that it gives.',
        minimum=0.0, maximum=1000.0,
    )  # fmt: skip
    first_frame: int = parameter(0, 'Frames to leave out at the start.', minimum=0, maximum=10**9)
    loop: bool = parameter(False, 'Start again at the end of a file or folder.')
    limit: int = parameter(0, 'Stop after so many frames; 0: none.', minimum=0, maximum=10**9)
    reconnect_s: float = parameter(
        2.0,
        'Seconds between attempts to open a camera again that was lost; 0 to end with it.',
        minimum=0.0, maximum=3600.0,
    )  # fmt: skip
    frame_id: str = parameter('camera', 'frame_id of the image headers.')
    wait_for_subscribers: int = parameter(
        0, 'Subscribers to the image topic to wait for before the first frame.',
        minimum=0, maximum=100,
    )  # fmt: skip


def declare_parameters(node: Node, kinds: Mapping[str, type[Any]]) -> None:
    """Declare all parameters of a node; warn of those that were given and that it does not have.

    Args:
        node: Has them afterwards.
        kinds: Prefix of the names -> dataclass; each of its fields becomes a parameter.

    Raises:
        InvalidParameterTypeException: If a value that was given is of another type.
        InvalidParameterValueException: If it is out of range.
    """
    declared = {
        prefix + item.name: item for prefix, kind in kinds.items() for item in fields(kind)
    }
    # First: a mistyped name is often the reason why a value is refused.
    for name, close in _unknown_overrides(node, list(declared)).items():
        hint = f"; did you mean '{close}'?" if close else ''
        node.get_logger().warning(f"there is no parameter '{name}'{hint}")
    for name, item in declared.items():
        value = list(item.default) if isinstance(item.default, tuple) else item.default
        node.declare_parameter(name, value, _descriptor(item))


def read_parameters(node: Node, kind: type[Parameters], *, prefix: str = '') -> Parameters:
    """Return the node's present values as the dataclass.

    Raises:
        SettingError: If the field does not accept a value.
    """
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        value = _declared(item, node.get_parameter(prefix + item.name).value)
        values[item.name] = tuple(value) if isinstance(item.default, tuple) else value
        reason = why_refused(item, values[item.name])
        if reason:
            raise SettingError(f'{prefix}{reason}')
    return kind(**values)


def refusal(
    changes: list[Parameter], kind: type[Any], *, configured: bool, prefix: str = ''
) -> str:
    """Say why parameter changes cannot be accepted; empty if they can.

    Args:
        changes: Requested values; types and ranges were checked by the descriptors.
        kind: The parameter dataclass.
        configured: Whether the node is configured, so that only live parameters may change.
        prefix: As given to ``declare_parameters``.
    """
    known = {prefix + item.name: item for item in fields(kind)}
    for change in changes:
        item = known.get(change.name)
        if item is None:
            continue
        reason = why_refused(item, _declared(item, change.value))
        if reason:
            return f'{prefix}{reason}'
        if configured and not item.metadata['live']:
            return (
                f'{change.name} can only be set while the node is unconfigured; '
                'deactivate and clean up first'
            )
    return ''


def _declared(item: 'Field[Any]', value: Any) -> Any:
    """Return a value as the text that was meant, where YAML has made something else of it."""
    if not item.metadata['yaml_too']:
        return value
    return {True: 'on', False: 'off'}[value] if isinstance(value, bool) else str(value)


def _unknown_overrides(node: Node, declared: list[str]) -> dict[str, str]:
    """Return the parameters that were given at start and that nobody knows: closest known name."""
    known = [*declared, *node.get_parameters_by_prefix('')]  # rclpy has declared its own
    given = getattr(node, '_parameter_overrides', {})  # rclpy has no public way to list them
    result = {}
    for name in given:
        if name not in known and not name.startswith('qos_overrides.'):
            result[name] = next(iter(get_close_matches(name, known, n=1)), '')
    return result


def _descriptor(item: 'Field[Any]') -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=item.metadata['description'], dynamic_typing=item.metadata['yaml_too']
    )
    if item.metadata['choices']:
        choices = ', '.join(str(choice) for choice in item.metadata['choices'])
        descriptor.additional_constraints = f'one of: {choices}'
    if item.metadata['range'] is not None and not isinstance(item.default, tuple):
        low, high = item.metadata['range']
        if isinstance(item.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))
            ]
    return descriptor
