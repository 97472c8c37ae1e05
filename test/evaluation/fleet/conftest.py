# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags of `street`, so that every figure of a fleet can be worked out."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')
pytest.importorskip('pyarrow', reason='pyarrow is not installed')
pytest.importorskip('pebble', reason='pebble is not installed')

from streets import TINY, street

from rtseg_ros.evaluation.fleet.run import load_model
from rtseg_ros.evaluation.fleet.task import Model
from rtseg_ros.frames.bags.writer import BagWriter

START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def make_bag(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a bag of some streets."""

    def make(
        name: str, indices=range(5), *, labelled=True, storage='mcap', start_ns=START_NS
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with BagWriter(path, storage=storage, labels=TINY if labelled else None) as writer:
            for position, index in enumerate(indices):
                frame, truth = street(index)
                writer.write(frame, start_ns + position * 400_000_000, truth if labelled else None)
        return path

    return make


@pytest.fixture(scope='session')
def tiny_model(make_model) -> Model:
    """A model that finds the blocks of `street` exactly."""
    return load_model(make_model('fleet', stride=1))


class Watcher:
    """Takes notes."""

    def __init__(self) -> None:
        self.kept = self.count = 0
        self.ended: list[tuple[str, str]] = []

    def begin(self, bags: int, kept: int) -> None:
        self.kept = kept

    def frames(self, count: int) -> None:
        self.count += count

    def bag(self, name: str, status: str, reason: str) -> None:
        self.ended.append((name, status))


@pytest.fixture
def watcher() -> Watcher:
    """Who watches an evaluation."""
    return Watcher()
