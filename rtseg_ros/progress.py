# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How far long work is: what the library tells, and the one bar that commands show of it."""

from collections.abc import Callable, Mapping
import math
import time
from typing import Any

from tqdm import tqdm

# What long work tells: what it does now; how much is done, of how much (None: not known).
Say = Callable[[str], None]
Counted = Callable[[float, float | None], None]
# The same of work in stages, with the stage's name first; a total of 1.0 counts a fraction.
Staged = Callable[[str, float, float | None], None]

TEXT_S = 0.5  # between two texts that cost something to make
FRACTION = '{desc}: {percentage:3.0f}%|{bar}| {elapsed}'


class Bar(tqdm):  # type: ignore[type-arg]
    """A bar on stderr that is told where the work is, not how far it went."""

    total: float | None
    _told_s = -math.inf

    def move(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Show that so much is done.

        Args:
            done: In the bar's unit, from the start of the work.
            total: What there is to do, if it was not known before.
            text: What to say behind the bar; what stands there stays if None.
        """
        if total is not None and total != self.total:
            self.total = total
        if text is not None:
            self.set_postfix_str(text, refresh=False)
        self.update(done - self.n)

    def move_seldom(self, done: float, total: float, text: Callable[[], str]) -> None:
        """Show the same, but make the text only when the bar is drawn again anyway."""
        now = time.monotonic()
        if now - self._told_s < TEXT_S and done < total:
            self.move(done, total)
        else:
            self._told_s = now
            self.move(done, total, text())

    def step(self, text: str) -> None:
        """Show that one more is done, and what."""
        self.move(self.n + 1, text=text)

    def say(self, text: str) -> None:
        """Show what is being done."""
        self.set_postfix_str(text)

    def begin_at(self, done: float) -> None:
        """Leave what was done before out of the speed and of the time left."""
        self.initial = done
        self.n = done
        self.last_print_n = done

    def print(self, text: Any) -> None:
        """Print a line on stdout without cutting the bar in two."""
        self.write(str(text))


class StageBars:
    """A bar for each stage of some work, one below the other."""

    def __init__(self, unit: str, units: Mapping[str, str] | None = None) -> None:
        """Show nothing yet.

        Args:
            unit: That the stages count in.
            units: Of the stages, by name, that count in another.
        """
        self._unit, self._units = unit, units or {}
        self._stage: str | None = None
        self._bar: Bar | None = None

    def __enter__(self) -> 'StageBars':
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def move(self, stage: str, done: float, total: float | None = None) -> None:
        """Show how far a stage is; another stage than before begins a bar."""
        if stage != self._stage or self._bar is None:
            self._close()
            self._stage = stage
            if isinstance(total, float):  # a fraction of minutes; of no interest once it is over
                self._bar = Bar(desc=stage, leave=False, bar_format=FRACTION)
            else:
                self._bar = Bar(desc=stage or None, unit=self._units.get(stage, self._unit))
        self._bar.move(done, total)

    def say(self, text: str) -> None:
        """Show what is being done behind the bar, if there is one yet."""
        if self._bar is not None:
            self._bar.say(text)

    def print(self, text: Any) -> None:
        """Print a line on stdout without cutting the bar in two."""
        Bar.write(str(text))

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class FleetBars:
    """Two bars: bags, with the time left, and frames."""

    def __enter__(self) -> 'FleetBars':
        self._bags = Bar(unit='bag')
        self._frames = Bar(unit='frame', leave=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()
        self._bags.close()

    def begin(self, bags: int, kept: int) -> None:
        """Show so many bags, some of which were done before."""
        self._bags.begin_at(kept)
        self._bags.move(kept, bags)

    def frames(self, count: int) -> None:
        """Show that so many more frames are done."""
        self._frames.move(self._frames.n + count)
        self._bags.refresh()

    def bag(self, name: str, status: str, reason: str) -> None:
        """Show that a bag ended, and why if it is not whole."""
        self._bags.move(self._bags.n + 1)
        if reason:
            self._bags.print(f'{name}: {status}: {reason}')
