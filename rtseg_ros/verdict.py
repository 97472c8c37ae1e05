# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether something is as it should be: doctor, targets, thresholds and hardware checks alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: Whether it is as it should be; None for a figure without a limit.
        text: What was found; where it is not ok also what was wanted or what to do.
    """

    name: str
    ok: bool | None
    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text
