# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture that people get of a segmented frame."""

import cv2
import numpy as np

from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.legend import legend
from rtseg_ros.labels.overlay import overlay_from_labels


class Painter:
    """Draws overlays, at the frame's full size."""

    def __init__(
        self,
        labels: LabelSet,
        *,
        palette_bgr: np.ndarray | None = None,
        alpha: float = 0.5,
        outlines: bool = False,
        side_by_side: bool = False,
        with_legend: bool = False,
    ) -> None:
        """Set up.

        Args:
            labels: The classes.
            palette_bgr: (256, 3) uint8; that of the label set if None.
            alpha: Weight of the class colours, 0..1.
            outlines: Draw thin lines where classes meet.
            side_by_side: Put the frame at the left of its overlay.
            with_legend: Put the legend at the right.
        """
        self.labels = labels
        self.palette_bgr = labels.palette_bgr() if palette_bgr is None else palette_bgr
        self._alpha = alpha
        self._outlines = outlines
        self._side_by_side = side_by_side
        self._with_legend = with_legend
        self._legend: np.ndarray | None = None

    def __call__(self, frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the picture of (H, W, 3) uint8 BGR and its (H, W) labels, newly allocated."""
        overlay = overlay_from_labels(
            frame,
            labels,
            palette_bgr=self.palette_bgr,
            alpha=self._alpha,
            outlines=self._outlines,
        )
        parts = [frame, overlay] if self._side_by_side else [overlay]
        if self._with_legend:
            parts.append(self.legend(len(frame)))
        return parts[0] if len(parts) == 1 else cv2.hconcat(parts)

    def legend(self, height: int) -> np.ndarray:
        """Return the legend of these colours, so high; drawn once for each height."""
        if self._legend is None or len(self._legend) != height:
            self._legend = legend(self.labels, height=height, palette_bgr=self.palette_bgr)
        return self._legend
