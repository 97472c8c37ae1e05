"""Finds the files that are installed beside the code: config and launch."""

import os
from pathlib import Path
import sys

from rtseg_ros.errors import RtsegError


def share_file(name: str) -> Path:
    """Return an installed file, e.g. ``config/fastdds_images.xml``.

    Looked for in the source tree, then where pip puts it, then in every ament prefix.

    Raises:
        RtsegError: If the installation lacks it.
    """
    prefixes = [sys.prefix, *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
    places = [Path(__file__).parent.parent / name]
    places += [Path(prefix) / 'share' / 'rtseg_ros' / name for prefix in prefixes if prefix]
    for place in places:
        if place.is_file():
            return place
    raise RtsegError(
        f"'{name}' is not installed; looked in {', '.join(str(p.parent) for p in places)}. "
        'Install the package again'
    )
