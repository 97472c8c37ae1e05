"""How far long work is, on the screen: one bar for every command."""

from collections.abc import Callable
import math
import time
from typing import Any

from tqdm import tqdm

TEXT_S = 0.5  # between two texts that cost something to make


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
