# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a recorded message is due in a replay, and which stamp it gets then."""

from collections import OrderedDict

from rtseg_ros.frames.stamp import NS_PER_S, why_impossible

# How long a recording may pause, or its clock jump, before the pause is shortened to this.
MAX_GAP_S = 10.0
_REMEMBERED = 64


class Retimer:
    """Gives messages of one recording new times, in ns since the replay's start.

    Images are the reference: their stamps keep their distances, and messages with the stamp of an
    image keep that. Where a stamp cannot be, or jumps by more than the largest gap, the time of
    recording takes its place.

    Attributes:
        impossible: Messages whose stamp could not be.
        jumps: Images whose stamp jumped by more than the largest gap.
    """

    def __init__(self, first_stamp_ns: int, *, max_gap_ns: int = round(MAX_GAP_S * NS_PER_S)):
        """Start a replay.

        Args:
            first_stamp_ns: Of the first image whose stamp can be; it becomes 0.
            max_gap_ns: Longer steps, of stamps and of log times, are not believed.
        """
        self._first_stamp_ns = first_stamp_ns
        self._max_gap_ns = max_gap_ns
        self._log_ns: int | None = None
        self._elapsed_ns = 0
        # Stamp, new stamp and elapsed time of the image before.
        self._anchor = (first_stamp_ns, 0, 0)
        # Only images whose stamp cannot be came so far: the first good one is due by its log time.
        self._adrift = False
        self._none_good = True
        self._new_by_stamp: OrderedDict[int, int] = OrderedDict()
        self.impossible = 0
        self.jumps = 0

    def due_ns(self, log_time_ns: int) -> int:
        """Return when the next message is due; call once for each, in their order."""
        if self._log_ns is not None:
            self._elapsed_ns += min(max(log_time_ns - self._log_ns, 0), self._max_gap_ns)
        self._log_ns = log_time_ns
        return self._elapsed_ns

    def start_again(self, pause_ns: int) -> None:
        """Go on with the first message, so long after the last."""
        self._elapsed_ns += pause_ns
        self._log_ns = None
        self._anchor = (self._first_stamp_ns, self._anchor[1] + pause_ns, self._elapsed_ns)
        self._new_by_stamp.clear()

    def image_ns(self, stamp: tuple[int, int]) -> int:
        """Return the new stamp of an image that is due now, from its seconds and nanoseconds."""
        stamp_ns = stamp[0] * NS_PER_S + stamp[1]
        before_ns, new_ns, _ = self._anchor
        step_ns = stamp_ns - before_ns
        if self._cannot_be(stamp, step_ns):
            self.impossible += 1
            self._adrift = self._none_good
            new_ns = self._by_log_time()
            self._anchor = (before_ns + new_ns - self._anchor[1], new_ns, self._elapsed_ns)
        else:
            if self._adrift or abs(step_ns) > self._max_gap_ns:
                self.jumps += not self._adrift
                new_ns = self._by_log_time()
            else:
                new_ns += step_ns
            self._anchor = (stamp_ns, new_ns, self._elapsed_ns)
            self._adrift = self._none_good = False
        self._new_by_stamp[stamp_ns] = new_ns
        if len(self._new_by_stamp) > _REMEMBERED:
            self._new_by_stamp.popitem(last=False)
        return new_ns

    def other_ns(self, stamp: tuple[int, int]) -> int:
        """Return the new stamp of a message that is no image and due now."""
        stamp_ns = stamp[0] * NS_PER_S + stamp[1]
        known = self._new_by_stamp.get(stamp_ns)
        if known is not None:
            return known
        before_ns, new_ns, _ = self._anchor
        step_ns = stamp_ns - before_ns
        if self._cannot_be(stamp, step_ns):
            self.impossible += 1
            return self._by_log_time()
        return new_ns + step_ns if abs(step_ns) <= self._max_gap_ns else self._by_log_time()

    def _cannot_be(self, stamp: tuple[int, int], step_ns: int) -> bool:
        unset = stamp == (0, 0) and abs(step_ns) > self._max_gap_ns
        return bool(why_impossible(*stamp)) or unset

    def _by_log_time(self) -> int:
        _, new_ns, elapsed_ns = self._anchor
        return new_ns + self._elapsed_ns - elapsed_ns
