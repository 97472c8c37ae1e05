# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Collects what an evaluation sees, frame by frame, in constant memory."""

from collections import Counter
from collections.abc import Mapping
import json
import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rtseg_ros.evaluation.previews import Previews
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.metrics.accuracy import Accuracy, FrameScore
from rtseg_ros.metrics.latency import StageLatencies, Timeline
from rtseg_ros.signals import uninterrupted

# Live, a single frame's reason is not known, only the node's counts are.
LOST = 'lost'
ASSUMED_CLASSES = "ground truth taken to be in the model's classes, for want of a LabelInfo"
# Different reasons that are kept; more are added up as one.
MAX_REASONS = 50


class Recorder:
    """Figures, pictures and ``frames.jsonl`` of one evaluation; a context manager.

    Attributes:
        accuracy: The accuracy figures; None where there is no ground truth to compare with.
        latencies: Times per stage.
        timeline: Latency and losses over time.
        previews: Best, worst and median frame.
        bins: Where frames ended.
        reasons: Why frames were rejected or failed, and why ground truth was not used.
    """

    def __init__(self, output: Path, accuracy: Accuracy | None) -> None:
        """Open ``frames.jsonl`` in a folder, which is made if it is not there."""
        output.mkdir(parents=True, exist_ok=True)
        self._path = output / 'frames.jsonl'
        self._part = output / 'frames.jsonl.part'
        self._lines = self._part.open('w', encoding='utf-8')
        self.accuracy = accuracy
        self.latencies = StageLatencies()
        self.timeline = Timeline()
        self.previews = Previews()
        self.bins: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._written = 0
        self._gap = False

    def __enter__(self) -> 'Recorder':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Also after an error: the frames so far are what was asked for.
        self._lines.close()
        os.replace(self._part, self._path)

    @uninterrupted()
    def published(
        self,
        name: str,
        *,
        prediction: np.ndarray,
        timing_ms: dict[str, float],
        time_s: float,
        frame: np.ndarray | None = None,
        truth: np.ndarray | None = None,
        instances: np.ndarray | None = None,
        continues: bool = False,
        since_start_s: float | None = None,
    ) -> None:
        """Record a frame that got a mask.

        Args:
            name: Of the frame.
            prediction: (H, W) uint8, the model's class ids.
            timing_ms: Time of each stage; ``total`` is the frame's latency.
            time_s: When it was, for the timeline.
            frame: (H, W, 3) uint8 BGR, for the pictures.
            truth: (H, W) uint8, ids of the ground truth's label set; None if there is none.
            instances: (H, W) Cityscapes instance ids.
            continues: Whether it follows the frame before.
            since_start_s: When it was, from the first frame; None for one without a stamp.
        """
        self.bins['published'] += 1
        self.latencies.add(timing_ms)
        self.timeline.add(time_s, timing_ms['total'])
        line: dict[str, Any] = {
            'outcome': 'published',
            'latency_ms': {stage: round(value, 3) for stage, value in timing_ms.items()},
        }
        if self.accuracy is not None:
            score = self.accuracy.add(
                prediction, truth, instances=instances, continues=continues and not self._gap
            )
            self._gap = False
            line |= _score_line(score, labelled=truth is not None)
            if truth is not None and frame is not None and math.isfinite(score.miou):
                shown, mapped = self.accuracy.aligned(prediction, truth)
                assert mapped is not None
                self.previews.offer(
                    name, score.miou, frame, shown, mapped, since_start_s=since_start_s
                )
        self._write(name, line)

    @uninterrupted()
    def dropped(self, name: str, bin_name: str, *, time_s: float, reason: str = '') -> None:
        """Record a frame that got no mask: superseded, stale, rejected, failed or lost."""
        if bin_name not in (*BINS, LOST):
            raise ValueError(f'{bin_name!r} is not one of {BINS}')
        self.bins[bin_name] += 1
        self._gap = True  # the mask before is not that of the frame before
        if reason:
            self.note(f'{bin_name}: {reason}')
        self.timeline.add(time_s, None)
        self._write(name, {'outcome': bin_name, 'reason': reason})

    def note(self, reason: str, count: int = 1) -> None:
        """Count something that was noticed."""
        if reason not in self.reasons and len(self.reasons) >= MAX_REASONS:
            reason = 'further reasons, see frames.jsonl'
        self.reasons[reason] += count

    def explain_lost(self, counts: Mapping[str, int]) -> None:
        """Move lost frames to the bins that the node counted; the rest got lost on the way.

        Args:
            counts: Frames that the node superseded, found stale, rejected or failed on.
        """
        for name in BINS[1:]:
            moved = min(counts.get(name, 0), self.bins[LOST])
            self.bins[name] += moved
            self.bins[LOST] -= moved

    def accounting(self) -> dict[str, int]:
        """Return received and the bins; received is the sum of the bins."""
        names = (*BINS, LOST) if self.bins[LOST] else BINS
        bins = {name: self.bins[name] for name in names}
        return {'received': sum(bins.values()), **bins}

    def _write(self, name: str, line: dict[str, Any]) -> None:
        full = {'index': self._written, 'frame': name, **line}
        self._lines.write(json.dumps(full) + '\n')
        self._written += 1


def _score_line(score: FrameScore, *, labelled: bool) -> dict[str, Any]:
    line: dict[str, Any] = {}
    if score.agreement is not None:
        line['agreement'] = round(score.agreement, 6)
    if labelled:
        line['miou'] = round(score.miou, 6) if math.isfinite(score.miou) else None
        line['pixel_accuracy'] = (
            round(score.pixel_accuracy, 6) if math.isfinite(score.pixel_accuracy) else None
        )
        line['truth_crc32'] = score.truth_crc32
        line['intersection'] = score.intersection.tolist()
        line['union'] = score.union.tolist()
    return line
