# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pairs images, masks and ground truth of a running graph by stamp.

frames/bag_source.py pairs those of a bag that is read.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
import math
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import RtsegError
from rtseg_ros.evaluation.live.spool import Spool, Spooled
from rtseg_ros.evaluation.recorder import Recorder
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.sources import MAX_STAMP_GAP_NS
from rtseg_ros.metrics.latency import LatencyHistogram

# Frames that may be under way at a time, and those of them whose pixels are kept.
WINDOW = 64
PIXEL_WINDOW = 16
PREVIEW_WIDTH = 640


@dataclass
class _Pending:
    sent_ns: int
    frame: Callable[[], np.ndarray] | None
    mask: np.ndarray | None = None
    arrived_ns: int = 0
    truth: np.ndarray | None = None


class LiveMatcher:
    """Follows every image until its mask is there or too late, in constant memory.

    Times are of the system clock, in ns: ``sent`` when an image was published, ``arrived`` when
    its mask reached this machine's middleware.

    Attributes:
        sent: Images seen.
        masks: Masks that belong to one of them.
        problems: What else was noticed, with counts.
    """

    def __init__(
        self,
        spool: Spool | None,
        *,
        expects_truth: Callable[[], bool],
        patience_s: float,
        max_gap_ns: int = MAX_STAMP_GAP_NS,
        pair_ns: int = 0,
    ) -> None:
        """Start from nothing.

        Args:
            spool: Receives the frames in the order they were sent; None only to count.
            expects_truth: Says whether ground truth is published, so that a frame waits for it.
            patience_s: An image whose mask does not come for so long has none.
            max_gap_ns: Frames whose stamps differ by more do not follow each other.
            pair_ns: How far the stamps of an image and its ground truth may differ.
        """
        self._pair_ns = pair_ns
        self._spool = spool
        self._expects_truth = expects_truth
        self._patience_ns = round(patience_s * 1e9)
        self._max_gap_ns = max_gap_ns
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._truths: OrderedDict[int, np.ndarray] = OrderedDict()
        self._masks_first: OrderedDict[int, tuple[np.ndarray, int]] = OrderedDict()
        self._first_sent_ns: int | None = None
        self._last_sent_ns = 0
        self._first_mask_ns: int | None = None
        self._last_mask_ns = 0
        self._before: tuple[int, bool] | None = None
        self.intervals_ms = LatencyHistogram()
        self.sent_intervals_ms = LatencyHistogram()
        self.sent = 0
        self.masks = 0
        self.problems: Counter[str] = Counter()

    def image(self, stamp_ns: int, sent_ns: int, frame: Callable[[], np.ndarray]) -> None:
        """Note an image; ``frame`` decodes it to (H, W, 3) BGR if it is shown in the report."""
        if stamp_ns in self._pending:
            self.problems['images with the stamp of another one'] += 1
            return
        if self.sent:
            self.sent_intervals_ms.add((sent_ns - self._last_sent_ns) / 1e6)
        else:
            self._first_sent_ns = sent_ns
        self.sent += 1
        self._last_sent_ns = sent_ns
        self._pending[stamp_ns] = _Pending(sent_ns, frame, truth=self._truth_of(stamp_ns))
        if len(self._pending) > PIXEL_WINDOW:
            list(self._pending.values())[-PIXEL_WINDOW - 1].frame = None
        if stamp_ns in self._masks_first:
            labels, arrived_ns = self._masks_first.pop(stamp_ns)
            self.mask(stamp_ns, arrived_ns, labels)
        self._settle(sent_ns)

    def truth(self, stamp_ns: int, labels: np.ndarray) -> None:
        """Note ground truth, (H, W) uint8, before or after its image."""
        image_ns = self._near(stamp_ns, self._pending)
        if image_ns is not None:
            self._pending[image_ns].truth = labels
            return
        self._truths[stamp_ns] = labels
        while len(self._truths) > WINDOW:
            self._truths.popitem(last=False)
            self.problems['ground truth without an image'] += 1

    def mask(self, stamp_ns: int, arrived_ns: int, labels: np.ndarray) -> None:
        """Note a mask, (H, W) uint8."""
        pending = self._pending.get(stamp_ns)
        if pending is None:
            # Two topics keep no order: a mask may be seen before its image.
            self._masks_first[stamp_ns] = (labels, arrived_ns)
            while len(self._masks_first) > WINDOW:
                self._masks_first.popitem(last=False)
                self.problems['masks without an image, or too late'] += 1
            return
        if pending.mask is not None:
            self.problems['second masks for an image'] += 1
            return
        if self._first_mask_ns is None:
            self._first_mask_ns = arrived_ns
        else:
            self.intervals_ms.add((arrived_ns - self._last_mask_ns) / 1e6)
        self._last_mask_ns = arrived_ns
        self.masks += 1
        pending.mask, pending.arrived_ns = labels, arrived_ns
        self._settle(arrived_ns)

    @property
    def waiting(self) -> int:
        """Images that still wait for a mask."""
        return sum(pending.mask is None for pending in self._pending.values())

    def finish(self) -> None:
        """Give up on everything that is still waiting."""
        self._settle(None)
        for problem, left in (
            ('ground truth without an image', self._truths),
            ('masks without an image, or too late', self._masks_first),
        ):
            if left:
                self.problems[problem] += len(left)
        self._truths.clear()
        self._masks_first.clear()

    def figures(self) -> dict[str, Any]:
        """Return rates and jitter in plain types; None where there is no figure."""
        return {
            'sent': self.sent,
            'masks': self.masks,
            'sent_hz': _rate(self.sent, self._first_sent_ns, self._last_sent_ns),
            'masks_hz': _rate(self.masks, self._first_mask_ns, self._last_mask_ns),
            'sent_jitter_ms': _known(self.sent_intervals_ms.deviation()),
            'masks_jitter_ms': _known(self.intervals_ms.deviation()),
        }

    def _near(self, stamp_ns: int, stamps: Iterable[int]) -> int | None:
        """Return the stamp that is equal, or else the nearest within the tolerance."""
        nearest_ns = min(stamps, key=lambda other_ns: abs(other_ns - stamp_ns), default=None)
        if nearest_ns is None or abs(nearest_ns - stamp_ns) > self._pair_ns:
            return None
        return nearest_ns

    def _truth_of(self, stamp_ns: int) -> np.ndarray | None:
        truth_ns = self._near(stamp_ns, self._truths)
        return None if truth_ns is None else self._truths.pop(truth_ns)

    def _settle(self, now_ns: int | None) -> None:
        """Write the frames at the head of the queue whose fate is known."""
        while self._pending:
            stamp_ns, pending = next(iter(self._pending.items()))
            complete = pending.mask is not None and (
                pending.truth is not None or not self._expects_truth()
            )
            given_up = (
                now_ns is None
                or now_ns - pending.sent_ns > self._patience_ns
                or len(self._pending) > WINDOW
            )
            if not complete and not given_up:
                return
            del self._pending[stamp_ns]
            self._write(stamp_ns, pending)

    def _write(self, stamp_ns: int, pending: _Pending) -> None:
        if self._spool is None:
            return
        assert self._first_sent_ns is not None
        continues = (
            self._before is not None
            and self._before[1]
            and 0 < stamp_ns - self._before[0] <= self._max_gap_ns
        )
        self._before = (stamp_ns, pending.mask is not None)
        name, time_s = f'{stamp_ns / 1e9:.3f}', (pending.sent_ns - self._first_sent_ns) / 1e9
        if pending.mask is None:
            self._spool.add(Spooled(name, time_s, None, False))
            return
        latency_ms = (pending.arrived_ns - pending.sent_ns) / 1e6
        picture = b'' if pending.truth is None else self._picture(pending.frame)
        self._spool.add(
            Spooled(name, time_s, latency_ms, continues, picture, pending.mask, pending.truth)
        )

    def _picture(self, frame: Callable[[], np.ndarray] | None) -> bytes:
        if frame is None:
            return b''
        try:
            pixels = frame()
        except RtsegError as error:
            self.problems[f'image without a picture: {error}'] += 1
            return b''
        scale = PREVIEW_WIDTH / pixels.shape[1]
        if scale < 1:
            size = (PREVIEW_WIDTH, max(round(pixels.shape[0] * scale), 1))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return encoded('.jpg', pixels)


def score(
    spool: Spool,
    recorder: Recorder,
    *,
    truth_table: np.ndarray | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Put spooled frames into a recorder; a frame without a mask ends in the bin ``lost``.

    Args:
        spool: Closed.
        recorder: Open.
        truth_table: (256,) uint8, id in the label images to class id; None if equal.
        progress: Called with the number of frames done.
    """
    for count, item in enumerate(spool, 1):
        if item.mask is None or item.latency_ms is None:
            recorder.dropped(item.name, 'lost', time_s=item.time_s)
        else:
            truth = item.truth
            if truth is not None and truth.shape != item.mask.shape:
                recorder.note(
                    f'ground truth not used: it is {truth.shape[1]}x{truth.shape[0]}, the mask '
                    f'{item.mask.shape[1]}x{item.mask.shape[0]}'
                )
                truth = None
            if truth is not None and truth_table is not None:
                truth = truth_table[truth]
            frame = None
            if item.frame:
                frame = cv2.imdecode(np.frombuffer(item.frame, np.uint8), cv2.IMREAD_COLOR)
            recorder.published(
                item.name,
                prediction=item.mask,
                timing_ms={'total': item.latency_ms},
                time_s=item.time_s,
                frame=frame,
                truth=truth,
                continues=item.continues,
                since_start_s=item.time_s,
            )
        progress(count)


def _rate(count: int, first_ns: int | None, last_ns: int) -> float | None:
    if first_ns is None or count < 2 or last_ns <= first_ns:
        return None
    return (count - 1) / ((last_ns - first_ns) / 1e9)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
