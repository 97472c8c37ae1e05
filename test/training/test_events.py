# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Event files hold what curve.csv holds."""

import sys

import pytest

from rtseg_ros.errors import TrainingError
from rtseg_ros.training.curve import EpochFigures
from rtseg_ros.training.events import EventFiles


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    with pytest.raises(TrainingError, match=r'--tensorboard: .*tensorboard.*pip install'):
        EventFiles(tmp_path, epoch=0)
    assert not list(tmp_path.iterdir())


def test_tensorboard_reads_what_was_written_and_drops_what_a_killed_run_left(tmp_path):
    reader = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator',
        reason="tensorboard is not installed: pip install '.[tensorboard]'",
    )
    first = EventFiles(tmp_path, epoch=0)
    first.add(EpochFigures(1, 2.5, 10.0), learning_rate=0.1)
    first.add(EpochFigures(2, 2.0, 11.0, miou=0.25), learning_rate=0.05)
    first.close()
    second = EventFiles(tmp_path, epoch=1)  # killed before last.pth had the second epoch
    second.add(EpochFigures(2, 1.5, 12.0, miou=0.5), learning_rate=0.05)
    second.close()

    found = reader.EventAccumulator(str(tmp_path)).Reload()

    def points(name):
        return [(point.step, point.value) for point in found.Scalars(name)]

    assert points('loss') == [(1, 2.5), (2, 1.5)]
    assert points('val_miou') == [(2, 0.5)]
    assert [step for step, _ in points('learning_rate')] == [1, 2]
