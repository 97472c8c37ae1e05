# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""DDS domains that no other test on this machine uses at the same time."""

import fcntl
import os
from pathlib import Path
import tempfile
from typing import IO

# Above 101 the ports of a domain meet those that Linux gives to programs that ask for any.
DOMAINS = range(10, 100)
_held: list[IO[str]] = []


def take_domain() -> int:
    """Return a domain that stays this process's own until it ends.

    Each has a file, locked by whoever took it: other workers of the same run, other runs and
    other users' runs take another one.
    """
    folder = Path(tempfile.gettempdir())
    first = os.getpid() % len(DOMAINS)
    for domain in [*DOMAINS[first:], *DOMAINS[:first]]:
        try:
            before = os.umask(0)
            try:
                file = (folder / f'rtseg_ros_domain_{domain}.lock').open('a')
            finally:
                os.umask(before)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken, or a file of a user who lets nobody else in
            continue
        _held.append(file)
        return domain
    raise RuntimeError(f'all {len(DOMAINS)} DDS domains are taken by other tests')
