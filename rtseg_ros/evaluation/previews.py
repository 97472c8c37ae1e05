# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keeps pictures of the best, the worst and the median frame in constant memory."""

from dataclasses import dataclass

import cv2
import numpy as np

from rtseg_ros.frames.media.encoded import encoded

# The median frame is chosen from an even sample of this many frames.
SAMPLE = 128
MAX_WIDTH = 640


@dataclass(frozen=True)
class Preview:
    """One frame for the report, shrunk to at most 640 pixels width.

    Attributes:
        name: Of the frame.
        score: Its mIoU.
        since_start_s: When it was, from the first frame; None for one without a stamp.
        frame: JPEG bytes.
        prediction: PNG bytes of the class ids.
        truth: PNG bytes of the class ids; 255 where there is no label.
    """

    name: str
    score: float
    since_start_s: float | None
    frame: bytes
    prediction: bytes
    truth: bytes


class Previews:
    """Looks at every frame once and keeps few."""

    def __init__(self) -> None:
        self._best: Preview | None = None
        self._worst: Preview | None = None
        self._sample: list[Preview] = []
        self._seen = 0
        self._random = np.random.default_rng(0)

    def offer(
        self,
        name: str,
        score: float,
        frame: np.ndarray,
        prediction: np.ndarray,
        truth: np.ndarray,
        *,
        since_start_s: float | None = None,
    ) -> None:
        """Show a frame with a finite score.

        Args:
            name: Of the frame.
            score: Its mIoU.
            frame: (h, w, 3) uint8 BGR, of any size that shows the same.
            prediction: (H, W) uint8 class ids.
            truth: (H, W) uint8 class ids, 255 where there is no label.
            since_start_s: When it was, from the first frame; None if nobody knows.
        """
        self._seen += 1
        # Reservoir sampling: after n frames each is in the sample with the same probability.
        slot = self._seen - 1 if self._seen <= SAMPLE else int(self._random.integers(self._seen))
        is_best = self._best is None or score > self._best.score
        is_worst = self._worst is None or score < self._worst.score
        if slot >= SAMPLE and not is_best and not is_worst:
            return
        preview = _preview(name, score, since_start_s, frame, prediction, truth)
        if len(self._sample) < SAMPLE:
            self._sample.append(preview)
        elif slot < SAMPLE:
            self._sample[slot] = preview
        self._best = preview if is_best else self._best
        self._worst = preview if is_worst else self._worst

    def chosen(self) -> dict[str, Preview]:
        """Return worst, median and best, without repeating a frame."""
        if self._best is None or self._worst is None:
            return {}
        ranked = sorted(self._sample, key=lambda preview: preview.score)
        candidates = {
            'worst': self._worst,
            'median': ranked[(len(ranked) - 1) // 2],
            'best': self._best,
        }
        chosen: dict[str, Preview] = {}
        for title, preview in candidates.items():
            if preview.name not in {other.name for other in chosen.values()}:
                chosen[title] = preview
        return chosen


def _preview(
    name: str,
    score: float,
    since_start_s: float | None,
    frame: np.ndarray,
    prediction: np.ndarray,
    truth: np.ndarray,
) -> Preview:
    height, width = prediction.shape
    scale = min(MAX_WIDTH / width, 1.0)
    size = (round(width * scale), max(round(height * scale), 1))
    if frame.shape[1::-1] != size:
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    if scale < 1:
        prediction = cv2.resize(prediction, size, interpolation=cv2.INTER_NEAREST)
        truth = cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)
    return Preview(
        name,
        score,
        since_start_s,
        encoded('.jpg', frame),
        encoded('.png', prediction),
        encoded('.png', truth),
    )
