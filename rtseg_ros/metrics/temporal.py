# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Temporal stability: how much a mask flickers where the scene did not change."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class _Previous:
    prediction: np.ndarray
    truth: np.ndarray | None


class TemporalStability:
    """Agreement of consecutive masks.

    ``stability`` is the share of pixels that keep their predicted class from one mask to the
    next, among the pixels that are labelled in both frames and keep their true class: change
    that the scene explains is left out, what remains is flicker. ``agreement`` is the same
    share over all pixels, truth or not, so it also falls when the camera moves. Both count
    pixels over all pairs of consecutive frames; the source says which frames are consecutive
    (no gap in a recording, same sequence of a data set).

    Attributes:
        counts: Pairs of frames, and pixels over all of them: ``steady`` ones and those of them
            that were ``kept``, all ``pixels`` and those ``agreeing``.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts = dict.fromkeys(('pairs', 'kept', 'steady', 'agreeing', 'pixels'), 0)
        self._previous: _Previous | None = None

    def add(
        self, prediction: np.ndarray, truth: np.ndarray | None, *, continues: bool
    ) -> float | None:
        """Compare a mask with the one before.

        Args:
            prediction: (H, W) uint8; kept until the next call.
            truth: (H, W) uint8 class ids, ids >= K without label; None if there is none.
            continues: Whether this frame follows the one of the last call.

        Returns:
            This pair's agreement over all pixels; None if there is no pair.
        """
        previous, self._previous = self._previous, _Previous(prediction, truth)
        if not continues or previous is None or previous.prediction.shape != prediction.shape:
            return None
        same = previous.prediction == prediction
        self.counts['pairs'] += 1
        agreeing = int(np.count_nonzero(same))
        self.counts['agreeing'] += agreeing
        self.counts['pixels'] += same.size
        if truth is not None and previous.truth is not None:
            steady = (previous.truth == truth) & (truth < self.num_classes)
            self.counts['steady'] += int(np.count_nonzero(steady))
            self.counts['kept'] += int(np.count_nonzero(same & steady))
        return agreeing / same.size

    def stability(self) -> float:
        """Share of steady pixels that keep their predicted class; NaN without such pixels."""
        return (
            self.counts['kept'] / self.counts['steady'] if self.counts['steady'] else float('nan')
        )

    def agreement(self) -> float:
        """Share of all pixels that keep their predicted class; NaN without a pair."""
        return (
            self.counts['agreeing'] / self.counts['pixels']
            if self.counts['pixels']
            else float('nan')
        )
