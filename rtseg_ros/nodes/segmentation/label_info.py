# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Class names for other packages: vision_msgs/LabelInfo, where it is installed."""

from typing import Any

from std_msgs.msg import Header

from rtseg_ros.labels import LabelSet

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = None

ABSENCE = (
    'vision_msgs is not installed, so there is no ~/label_info; Nav2 waits for it. Install '
    'ros-<distribution>-vision-msgs'
)


def label_info(labels: LabelSet, *, min_confidence: float, header: Header) -> Any:
    """Return the message that lists every class.

    Args:
        labels: What the mask's values mean.
        min_confidence: Below it a pixel is unlabelled, 0 to 1.
        header: Of the message.
    """
    return LabelInfo(
        header=header,
        class_map=[
            VisionClass(class_id=index, class_name=name) for index, name in enumerate(labels.names)
        ],
        threshold=float(min_confidence),
    )
