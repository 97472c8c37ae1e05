# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a contender is: something that makes labels of a frame, in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rtseg_ros.benchmark.subject import Subject

# frame (H, W, 3) uint8 BGR -> labels (H, W) uint8, and the time of each stage in ms.
Contender = Callable[[np.ndarray], tuple[np.ndarray, dict[str, float]]]
# Those that are ours; they run in every precision, the others in their own.
OURS, OURS_OPENVINO = 'rtseg', 'rtseg_openvino'
OUR_WAYS = (OURS, OURS_OPENVINO)


def accuracy_key(contender: str, precision: str) -> str:
    """Return under which name a subject keeps the mIoU that goes with a contender's row.

    That of our file in ONNX Runtime stands for all contenders but OpenVINO's, which has its own.
    """
    return f'openvino {precision}' if contender == OURS_OPENVINO else precision


@dataclass(frozen=True)
class Entry:
    """A contender that can be made.

    Attributes:
        make: Builds it in this process, from a subject and a precision of our model.
        package: Python package that it needs.
        description: What it is.
    """

    make: Callable[[Subject, str], Contender]
    package: str
    description: str
