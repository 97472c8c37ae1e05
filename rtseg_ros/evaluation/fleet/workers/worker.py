# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A worker of either kind: loads the models once and runs bags."""

import os
from pathlib import Path
import signal
import tempfile
import threading
from typing import Any

from rtseg_ros import __version__
from rtseg_ros.errors import RtsegError
from rtseg_ros.evaluation.fleet.one_bag import run_bag
from rtseg_ros.evaluation.fleet.task import BagResult, Model, TaskSettings, Work, failed
from rtseg_ros.runtime import Segmenter, load_segmenter

# The models of this process, by content and engine; a worker serves one evaluation after another.
_loaded: dict[Any, Segmenter] = {}
TIMED_OUT = 70  # exit status of a worker that ends itself


def run_task(work: Work, path: str, moved: Any = None) -> BagResult:
    """Evaluate one bag in this process.

    Args:
        work: Models and settings.
        path: The bag, as this machine sees it.
        moved: A shared integer that counts frames; None for none.
    """
    if work.version != __version__:
        return failed(
            f'this worker has rtseg_ros {__version__}, the driver {work.version}; install '
            'the same',
            fatal=True,
        )
    try:
        segmenter = _segmenter(work.model, work.settings)
        against = None if work.against is None else _segmenter(work.against, work.settings)
    except RtsegError as error:
        return failed(f'the model cannot be loaded in a worker: {error}', fatal=True)

    def count() -> None:
        with moved.get_lock():
            moved.value += 1

    return run_bag(
        Path(path), segmenter, against, work.settings, moved=count if moved else lambda: None
    )


def end_after(seconds: float) -> threading.Timer:
    """End this process when the time is over, however deep in a library it is.

    Returns:
        The running timer; cancel it when the work is done.
    """

    def end() -> None:
        os._exit(TIMED_OUT)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def leave_ctrl_c_to_the_driver() -> None:
    """Ignore the signal that a terminal sends to the driver and to its workers alike."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _segmenter(model: Model, settings: TaskSettings) -> Segmenter:
    key = (model.sha256, settings.engine, settings.providers, settings.threads, settings.openvino)
    if key not in _loaded:
        with tempfile.TemporaryDirectory(prefix='rtseg_') as folder:
            path = Path(folder) / model.name
            path.write_bytes(model.content)
            _loaded[key] = load_segmenter(
                path,
                engine=settings.engine,
                providers=settings.providers,
                threads=settings.threads,
                openvino=settings.openvino,
            )
    return _loaded[key]
