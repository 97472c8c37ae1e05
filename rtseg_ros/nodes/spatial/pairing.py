# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pairs two streams by their stamps: masks, which are late, and depth, which may be missing."""

from collections import deque
from typing import Generic, TypeVar

Mask = TypeVar('Mask')
Depth = TypeVar('Depth')


class StampPairs(Generic[Mask, Depth]):
    """Gives each mask the depth that is nearest in time; neither waits for ever.

    A mask is decided once depth as new as itself is there, or when more masks wait than may.
    Both streams are in the order of their stamps; where time goes back, what is older is over.
    """

    def __init__(self, *, tolerance_ns: int, length: int) -> None:
        """Start with nothing.

        Args:
            tolerance_ns: How far the stamps of a pair may lie apart.
            length: Most masks that wait, and most depth.
        """
        self._tolerance_ns, self._length = tolerance_ns, length
        self._masks: deque[tuple[int, Mask]] = deque()
        self._depth: deque[tuple[int, Depth]] = deque()
        self._expected: deque[int] = deque(maxlen=length)
        self._latest_ns = -1

    @property
    def waiting(self) -> int:
        """Masks that are not decided."""
        return len(self._masks)

    def expect(self, stamp_ns: int) -> None:
        """Keep depth of this stamp: a mask of it is being made."""
        self._expected.append(stamp_ns)

    def add_mask(self, stamp_ns: int, mask: Mask) -> list[tuple[Mask, Depth | None, str]]:
        """Add a mask; return the masks that are decided, as ``flush`` does."""
        decided = []
        if self._masks and stamp_ns < self._masks[-1][0]:
            decided = self.flush()
        self._masks.append((stamp_ns, mask))
        decided += self._decided()
        while len(self._masks) > self._length:
            decided.append(self._decide())
        return decided

    def add_depth(self, stamp_ns: int, depth: Depth) -> list[tuple[Mask, Depth | None, str]]:
        """Add depth; return the masks that are decided."""
        decided = []
        if stamp_ns < self._latest_ns:
            decided = self.flush()
            self._depth.clear()
        self._latest_ns = stamp_ns
        self._depth.append((stamp_ns, depth))
        decided += self._decided()
        if len(self._depth) > self._length:
            self._forget_one()
        return decided

    def flush(self) -> list[tuple[Mask, Depth | None, str]]:
        """Decide all masks with what is there.

        Returns:
            For each: the mask, its depth or None, and why it has none.
        """
        return [self._decide() for _ in range(len(self._masks))]

    def clear(self) -> None:
        """Forget all depth."""
        self._depth.clear()
        self._expected.clear()
        self._latest_ns = -1

    def _decided(self) -> list[tuple[Mask, Depth | None, str]]:
        result = []
        while self._masks and self._masks[0][0] <= self._latest_ns:
            result.append(self._decide())
        return result

    def _decide(self) -> tuple[Mask, Depth | None, str]:
        stamp_ns, mask = self._masks.popleft()
        if not self._depth:
            return mask, None, 'none has come'
        near_ns, depth = min(self._depth, key=lambda item: abs(item[0] - stamp_ns))
        gap_ns = near_ns - stamp_ns
        if abs(gap_ns) > self._tolerance_ns:
            side = 'after' if gap_ns > 0 else 'before'
            return mask, None, (
                f'the nearest one is {abs(gap_ns) / 1e6:.1f} ms {side} the image, and '
                f'{self._tolerance_ns / 1e6:g} ms are allowed'
            )  # fmt: skip
        while self._depth and self._depth[0][0] < near_ns:  # later masks are nearer to later ones
            self._depth.popleft()
        return mask, depth, ''

    def _forget_one(self) -> None:
        """Forget the oldest depth that no mask in work is near to; the oldest if all are."""
        wanted = [*self._expected, *(stamp_ns for stamp_ns, _ in self._masks)]
        for index, (stamp_ns, _) in enumerate(self._depth):
            if all(abs(stamp_ns - other) > self._tolerance_ns for other in wanted):
                del self._depth[index]
                return
        self._depth.popleft()
