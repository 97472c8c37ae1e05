# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the evaluation's tests."""

from pathlib import Path

import pytest
from streets import TINY, write_dataset

from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.frames.datasets.folder import load_folder


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Six frames of `street`."""
    return load_folder(write_dataset(tmp_path / 'data'), 'val', label_set=TINY)
