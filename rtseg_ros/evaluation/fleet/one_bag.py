# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs one bag through loaded models, frame by frame, in constant memory but for its rows."""

from collections.abc import Callable
import math
from pathlib import Path
import time
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import BagError, EngineError, RtsegError
from rtseg_ros.evaluation.evaluate import read_truth
from rtseg_ros.evaluation.fleet.state import FleetState
from rtseg_ros.evaluation.fleet.task import (
    DONE,
    FAILED,
    PARTIAL,
    BagResult,
    Moment,
    TaskSettings,
    failed,
)
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.sources import Item
from rtseg_ros.frames.stamp import NS_PER_S
from rtseg_ros.labels.mapping import align
from rtseg_ros.labels.overlay import overlay_from_labels
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime import Segmentation, Segmenter

MAX_WIDTH = 640
MIOU, CONFIDENCE = 'mIoU', 'confidence'
# One row per frame; the class shares follow, named share_CLASS.
COLUMNS = (
    'frame', 'stamp_ns', 'outcome', 'reason', 'latency_ms', 'confidence', 'agreement', 'against',
    'miou', 'pixel_accuracy',
)  # fmt: skip


def run_bag(
    path: Path,
    segmenter: Segmenter,
    against: Segmenter | None,
    settings: TaskSettings,
    *,
    moved: Callable[[], None] = lambda: None,
) -> BagResult:
    """Evaluate one bag; what is wrong with it is in the result, never raised.

    Args:
        path: The bag.
        segmenter: Of the model under test.
        against: Of another model, to compare masks with.
        settings: The same for all bags.
        moved: Called after each frame.
    """
    start = time.monotonic()
    try:
        source = BagSource(
            path,
            image_topic=settings.image_topic,
            labels_topic=settings.labels_topic,
            labels=settings.labels,
            labels_colors=settings.labels_colors,
            pair_ns=settings.pair_ns,
            max_gap_s=settings.max_gap_s,
            generic_order=settings.generic_order,
        )
        with source.reader:
            run = _Run(segmenter, against, settings, source)
            broken = run.all_frames(moved)
            facts = source.facts() | {'first_stamp_ns': run.first_stamp_ns}
    except RtsegError as error:
        return failed(str(error))
    broken = broken or '; '.join(source.reader.broken)
    state = run.state
    if not state.bins['published']:
        why = broken or ', '.join(f'{name} ({n})' for name, n in state.reasons.most_common(3))
        status, reason = FAILED, f'no frame of it could be used: {why or "it holds none"}'
    else:
        status, reason = (PARTIAL, broken) if broken else (DONE, '')
    return BagResult(
        status=status,
        reason=reason,
        state=state.to_dict(),
        frames=run.rows,
        moments=run.worst(),
        facts=facts,
        seconds=time.monotonic() - start,
    )


class _Run:
    """The frames of one bag so far."""

    def __init__(
        self,
        segmenter: Segmenter,
        against: Segmenter | None,
        settings: TaskSettings,
        source: BagSource,
    ) -> None:
        truth = segmenter.labels
        if source.labels_topic:
            truth = source.labels or truth
        alignment = align(segmenter.labels, truth, mapping=settings.mapping)
        # Without ground truth it compares masks with those before them all the same.
        self._accuracy = Accuracy(alignment, truth, boundary=settings.boundary)
        self._segmenter, self._against = segmenter, against
        self._settings, self._source = settings, source
        self._classes = segmenter.labels
        self._names = [f'share_{name}' for name in (*self._classes.names, 'unlabelled')]
        self._moments: list[tuple[float, int, int, Moment]] = []
        self._gap = False
        self.state = FleetState(self._classes, self._accuracy)
        self.rows: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, *self._names)}
        self.first_stamp_ns: int | None = None

    def all_frames(self, moved: Callable[[], None]) -> str:
        """Take every frame; return why the bag broke off, if it did."""
        broken = ''
        try:
            for count, item in enumerate(self._source, 1):
                if self.first_stamp_ns is None and (item.stamp_ns or 0) > 0:
                    self.first_stamp_ns = item.stamp_ns
                self._frame(count - 1, item)
                moved()
                if count == self._settings.limit:
                    break
        except BagError as error:
            broken = str(error)
        self.state.reasons.update(self._source.problems)
        return broken

    def worst(self) -> tuple[Moment, ...]:
        """Return the pictures, worst first."""
        return tuple(moment for *_, moment in sorted(self._moments, key=lambda kept: kept[:2]))

    def _frame(self, index: int, item: Item) -> None:
        row: dict[str, Any] = {'frame': index, 'stamp_ns': item.stamp_ns}
        try:
            frame = item.frame()
            result = self._segmenter(frame, confidence=self._segmenter.has_scores)
            other = None if self._against is None else self._against(frame)
        except RtsegError as error:
            outcome = 'failed' if isinstance(error, EngineError) else 'rejected'
            self.state.bins[outcome] += 1
            self._note(f'{outcome}: {error}')
            self._gap = True
            self._write(row | {'outcome': outcome, 'reason': str(error)})
            return
        self.state.bins['published'] += 1
        timing_ms = {**result.timing_ms, 'total': sum(result.timing_ms.values())}
        self.state.latencies.add(timing_ms)
        row |= {'outcome': 'published', 'latency_ms': timing_ms['total']}
        row |= self._shares(result) | self._agreement(result, other)
        truth, _ = read_truth(item, frame, self._note)
        score = self._accuracy.add(
            result.labels, truth, continues=item.continues and not self._gap
        )
        self._gap = False
        if score.agreement is not None:
            row['agreement'] = score.agreement
            self.state.agreement_equal += round(score.agreement * result.labels.size)
            self.state.agreement_pixels += result.labels.size
        if truth is not None and math.isfinite(score.miou):
            row |= {'miou': score.miou, 'pixel_accuracy': score.pixel_accuracy}
        self._write(row)
        self._offer(index, item.stamp_ns, row, frame, result)

    def _shares(self, result: Segmentation) -> dict[str, Any]:
        classes = self._classes.num_classes
        pixels = np.bincount(result.labels.ravel(), minlength=256)
        counts = np.append(pixels[:classes], pixels[classes:].sum())
        self.state.class_pixels += counts
        row = dict(zip(self._names, (counts / result.labels.size).tolist(), strict=True))
        if result.confidence is not None:
            total = int(result.confidence.sum(dtype=np.int64))
            self.state.confidence_sum += total
            self.state.confidence_pixels += result.confidence.size
            row['confidence'] = total / (255 * result.confidence.size)
        return row

    def _agreement(self, result: Segmentation, other: Segmentation | None) -> dict[str, Any]:
        if other is None:
            return {}
        equal = int(np.count_nonzero(result.labels == other.labels))
        self.state.against_equal += equal
        self.state.against_pixels += result.labels.size
        return {'against': equal / result.labels.size}

    def _note(self, reason: str) -> None:
        self.state.reasons[reason] += 1

    def _offer(
        self, index: int, stamp_ns: int | None, row: dict[str, Any], frame: np.ndarray,
        result: Segmentation,
    ) -> None:  # fmt: skip
        """Keep a picture if the frame is among the worst; one for each second."""
        what = MIOU if 'miou' in row else CONFIDENCE
        score = row.get('miou', row.get('confidence'))
        if score is None or not self._settings.pictures:
            return
        second = index if not stamp_ns else stamp_ns // NS_PER_S
        same = [kept for kept in self._moments if kept[2] == second]
        rivals = same or self._moments
        full = same or len(self._moments) >= self._settings.pictures
        if full and max(kept[0] for kept in rivals) <= score:
            return
        if full:
            self._moments.remove(max(rivals, key=lambda kept: kept[:2]))
        moment = Moment(index, score, what, self._picture(frame, result))
        self._moments.append((score, index, second, moment))

    def _picture(self, frame: np.ndarray, result: Segmentation) -> bytes:
        picture = overlay_from_labels(
            frame, result.labels, palette_bgr=self._classes.palette_bgr()
        )
        scale = MAX_WIDTH / picture.shape[1]
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return encoded('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 80])

    def _write(self, row: dict[str, Any]) -> None:
        for name, column in self.rows.items():
            column.append(row.get(name))
