# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The one table of what segmentation_node publishes; node, advice, reports and docs read it."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

# When a topic of the table has something to say.
ASKED, ALONG, ALWAYS = 'asked', 'along', 'always'


@dataclass(frozen=True)
class Output:
    """One topic.

    Attributes:
        name: Below ``~/`` and the camera's name; a full name begins with a slash.
        type_name: Of its messages.
        text: What it carries, for docs/nodes.md.
        encoding: Of an image; empty for other messages.
        when: ``asked``: a subscriber is reason to take images. ``along``: it only goes with what
            others ask for. ``always``: not with frames at all.
        needs: What it takes beside the image: ``scores`` of the model, ``camera_info``,
            ``depth`` (or a cloud).
        takes_scores: Whether it is made of scores too, where the model gives them.
        latched: Whoever subscribes later gets the latest message, too.
        depth: Messages that wait for slow subscribers.
    """

    name: str
    type_name: str
    text: str
    encoding: str = ''
    when: str = ASKED
    needs: tuple[str, ...] = ()
    takes_scores: bool = False
    latched: bool = False
    depth: int = 5

    @property
    def is_image(self) -> bool:
        """Whether it could be taken for a camera's images."""
        return self.type_name in ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')

    def message_type(self) -> Any:
        """Return the class of its messages; None where their package is not installed."""
        package, kind = self.type_name.split('/msg/')
        try:
            return getattr(import_module(f'{package}.msg'), kind)
        except ImportError:
            return None


OUTPUTS = (
    Output(
        'mask',
        'sensor_msgs/msg/Image',
        'class ids, step = width; `unlabelled_id` where unlabelled',
        encoding='mono8',
    ),
    Output(
        'confidence',
        'sensor_msgs/msg/Image',
        '255 = certain; calibrated if the model was (`rtseg evaluate --calibrate`). A model '
        'without a `logits` output has none: frames wanted for nothing else end in `failed`, '
        'with that reason',
        encoding='mono8',
        needs=('scores',),
        takes_scores=True,
    ),
    Output(
        'overlay',
        'sensor_msgs/msg/Image',
        'class colours over the image',
        encoding='bgr8',
    ),
    Output(
        'color_mask',
        'sensor_msgs/msg/Image',
        "class colours alone (the data set's), black where unlabelled",
        encoding='bgr8',
    ),
    Output(
        'mask/compressed',
        'sensor_msgs/msg/CompressedImage',
        'the mask for thin links, as PNG, which keeps the ids: `mono8; png compressed`, as '
        'image_transport names it',
    ),
    Output(
        'camera_info',
        'sensor_msgs/msg/CameraInfo',
        "of the camera that would have taken an image of the mask's geometry; goes with what "
        'is subscribed to beside it',
        when=ALONG,
        needs=('camera_info',),
    ),
    Output(
        'points',
        'sensor_msgs/msg/PointCloud2',
        'organised, of the size of the mask: x, y, z, rgb, label, confidence; see '
        '[From pixels to places](spatial.md)',
        needs=('camera_info', 'depth'),
        takes_scores=True,
    ),
    Output(
        'ground',
        'nav_msgs/msg/OccupancyGrid',
        'cells of the ground: 0 driveable, 100 not, -1 unknown; where nav_msgs is installed',
        needs=('camera_info',),
    ),
    Output(
        'label_info',
        'vision_msgs/msg/LabelInfo',
        'class names, transient local; published again when they change',
        when=ALWAYS,
        latched=True,
        depth=1,
    ),
    Output(
        '/diagnostics',
        'diagnostic_msgs/msg/DiagnosticArray',
        'once a second, also with `use_sim_time`',
        when=ALWAYS,
        depth=10,
    ),
)
BY_NAME = {output.name: output for output in OUTPUTS}
OF_FRAMES = tuple(output for output in OUTPUTS if output.when != ALWAYS)
IMAGE_NAMES = tuple(output.name for output in OUTPUTS if output.is_image)


@dataclass(frozen=True)
class Wanted:
    """Which outputs somebody subscribes to.

    Attributes:
        names: Of the outputs.
    """

    names: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        """Tell whether an output has a subscriber."""
        return name in self.names

    @property
    def asked(self) -> frozenset[str]:
        """Those that are reason to take images."""
        return frozenset(name for name in self.names if BY_NAME[name].when == ASKED)

    def lacks(self, *absent: str) -> bool:
        """Tell whether images are asked for, and each output asked for needs what is absent."""
        asked = self.asked
        return bool(asked) and all(set(absent) & set(BY_NAME[name].needs) for name in asked)

    @property
    def takes_scores(self) -> bool:
        """Whether an output with a subscriber is made of scores too."""
        return any(BY_NAME[name].takes_scores for name in self.names)

    def needs(self, what: str) -> bool:
        """Tell whether an output with a subscriber needs this beside the image."""
        return any(what in BY_NAME[name].needs for name in self.names)


def asked_in_words() -> str:
    """Return the names of the outputs that are reason to take images, for a sentence."""
    names = [output.name for output in OUTPUTS if output.when == ASKED]
    return f'{", ".join(names[:-1])} or {names[-1]}'
