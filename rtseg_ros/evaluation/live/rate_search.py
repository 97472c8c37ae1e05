# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Searches the highest rate that a node sustains, as ros2_benchmark does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

MAX_LOST = 0.05
# The search ends when the rate is known to so much.
PRECISION = 1.05
MAX_PROBES = 12
_SLOWEST_HZ = 0.1
# A player that reaches less than this share of the rate cannot test it.
_REACHED = 0.9


@dataclass(frozen=True)
class Probe:
    """One try at a rate.

    Attributes:
        rate_hz: Asked for.
        sent_hz: Reached by the player.
        sent: Images.
        masks: Masks that came back.
    """

    rate_hz: float
    sent_hz: float
    sent: int
    masks: int

    @property
    def lost(self) -> float:
        """Share of images without a mask."""
        return 1 - self.masks / self.sent if self.sent else 1.0

    @property
    def sustained(self) -> bool:
        """Whether less than 5 % was lost."""
        return self.lost < MAX_LOST

    @property
    def reached(self) -> bool:
        """Whether the images really came at that rate."""
        return self.sent_hz >= _REACHED * self.rate_hz

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for the report."""
        return asdict(self) | {'lost': self.lost}


def search_rate(
    probe: Callable[[float], Probe], *, start_hz: float
) -> tuple[float | None, list[Probe]]:
    """Bracket the rate, then halve the bracket on a logarithmic scale.

    Args:
        probe: Plays at a rate in Hz and returns what came back.
        start_hz: First rate to try.

    Returns:
        The highest rate at which less than 5 % was lost, as really sent, in Hz; None if no rate
        was sustained. And all probes. The search also ends where the player, not the node, is
        the limit: the last probe then was not reached.
    """
    probes: list[Probe] = []
    good: Probe | None = None
    bad_hz: float | None = None
    rate_hz = start_hz
    while len(probes) < MAX_PROBES and rate_hz >= _SLOWEST_HZ:
        found = probe(rate_hz)
        probes.append(found)
        if found.sustained:
            good = found if good is None or found.sent_hz > good.sent_hz else good
            if not found.reached:
                break
        else:
            bad_hz = rate_hz
        if good is None:
            rate_hz /= 2
        elif bad_hz is None:
            rate_hz *= 2
        elif bad_hz / good.rate_hz <= PRECISION:
            break
        else:
            rate_hz = (good.rate_hz * bad_hz) ** 0.5
    return (None if good is None else good.sent_hz), probes
