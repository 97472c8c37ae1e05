# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: tiny models whose answers can be worked out by hand."""

from collections.abc import Callable
import importlib
import importlib.util
from pathlib import Path

import pytest

# A robot has no onnx: there another environment writes the models.
HAS_ONNX = importlib.util.find_spec('onnx') is not None
pytest_plugins = [
    'browser',
    'cpu_seconds',
    'colcon_subset',
    'fault_count',
    'fuzzing',
    'kill_count',
    'kinds',
    'node_fixtures',
    'vision_msgs_build',
    'workers',
    'tensorrt_fixtures' if HAS_ONNX else 'channel_models_elsewhere',
]
ModelMaker = Callable[..., Path]


@pytest.fixture(scope='session')
def make_model(tmp_path_factory: pytest.TempPathFactory) -> ModelMaker:
    """Return a function that writes a tiny model: ``make_model(name='tiny', **options)``."""
    source = 'channel_model' if HAS_ONNX else 'channel_models_elsewhere'
    write = importlib.import_module(source).write_channel_model

    def make(name: str = 'tiny', **options: object) -> Path:
        folder = tmp_path_factory.mktemp(name)
        return write(folder / f'{name}.onnx', **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope='session')
def tiny_model(make_model: ModelMaker) -> Path:
    """A model for 64 x 48 pixels, uint8 in, logits at stride 4 out, four classes by colour."""
    return make_model()
