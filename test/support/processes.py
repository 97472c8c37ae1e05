# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Programs of this package in processes of their own, which tests signal and hear out."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import IO

from places import ROOT

# The signals that come, by a name for them: one, two that differ, many.
SIGNALS = {
    'term': (signal.SIGTERM,),
    'both': (signal.SIGINT, signal.SIGTERM),
    'ints': (signal.SIGINT,) * 8,
}


def begin(
    *words: object,
    cwd: Path,
    output: int | IO[bytes] = subprocess.PIPE,
    **environment: str,
) -> subprocess.Popen:
    """Start this interpreter with these words, e.g. ``-m rtseg_ros.cli``, on this checkout.

    Args:
        words: Of the command line, behind the interpreter.
        cwd: Where it runs.
        output: Where both of its streams go.
        environment: What differs from that of the tests.
    """
    return subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT, env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_signals(process: subprocess.Popen) -> None:
    """Wait until a process handles SIGTERM, or has ended."""
    while not _takes_signals(process.pid):
        time.sleep(0.001)


def _takes_signals(pid: int) -> int:
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    caught = next((line.split()[1] for line in lines if line.startswith('SigCgt')), 'ffffffff')
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


def in_turn(names: list[str], moments: tuple[float, ...]) -> list[tuple[str, float, str]]:
    """Every name at every moment with another signal, and every signal at every moment."""
    signals = list(SIGNALS)
    return [
        (name, after_s, signals[(place + index) % len(signals)])
        for place, name in enumerate(names)
        for index, after_s in enumerate(moments)
    ]
