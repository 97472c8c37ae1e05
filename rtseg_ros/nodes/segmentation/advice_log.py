# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The advice of the diagnostics on the console: when it changes, and when it is over."""

from collections.abc import Callable
import re

_NUMBER = re.compile(r'\d+')


class AdviceLog:
    """Logs what holds for two reports on end, once; numbers that grow are no news."""

    def __init__(self, warn: Callable[[str], object], inform: Callable[[str], object]) -> None:
        """Take where warnings and news go."""
        self._warn = warn
        self._inform = inform
        self._seen = ''
        self._told = ''

    def tell(self, advice: str) -> None:
        """Log the advice of this second; empty if there is none."""
        kind = _NUMBER.sub('', advice)
        lasts, self._seen = kind == self._seen, kind
        if not lasts or kind == self._told:
            return
        if advice:
            self._warn(advice)
        else:
            self._inform('all is well again: masks can be published')
        self._told = kind
