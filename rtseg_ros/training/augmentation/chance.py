# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Each of several changes to half of the crops."""

from collections.abc import Callable, Iterable

import numpy as np

SHARE = 0.5  # of the crops that each change is made to


def by_chance(
    frame: np.ndarray,
    changes: Iterable[tuple[Callable[..., np.ndarray], float]],
    rng: np.random.Generator,
) -> np.ndarray:
    """Apply changes in their order, each with its strength or not at all.

    Args:
        frame: (h, w, 3) uint8 BGR.
        changes: Functions with their strengths, 0..1; what is 0 takes nothing from ``rng``.
        rng: Source of all randomness.
    """
    for change, strength in changes:
        if strength and rng.random() < SHARE:
            frame = change(frame, strength=strength, rng=rng)
    return frame
