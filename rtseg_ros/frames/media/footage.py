# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every input of frames without labels offers: the contract."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

FOLDER_RATE_HZ = 10.0
UNKNOWN_RATE_HZ = 25.0


@dataclass(frozen=True)
class TimedFrame:
    """One frame.

    Attributes:
        name: Path of an image relative to its folder; the number of any other frame.
        time_s: Seconds from the first frame, as recorded; they never go back.
        frame: (H, W, 3) uint8 BGR, upright as viewers show it; the receiver's own.
    """

    name: str
    time_s: float
    frame: np.ndarray


class Footage(Protocol):
    """Frames in their order, read while iterating; to be iterated once.

    Attributes:
        kind: ``image``, ``folder``, ``video`` or ``live``.
        name: What to call it; no password stands in it.
        rate_hz: Nominal frames per second.
        total: Frames that it announces; 0 if it does not say.
        problems: What could not be read, one sentence each; grows while iterating.
        notes: What a user should know beside; grows while iterating.
    """

    kind: str
    name: str
    rate_hz: float
    total: int
    problems: list[str]
    notes: list[str]

    def __iter__(self) -> Iterator[TimedFrame]:
        """Read the frames; what cannot be read is left out and said in ``problems``."""

    def close(self) -> None:
        """Free file or device."""
