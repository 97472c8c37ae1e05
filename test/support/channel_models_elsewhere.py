# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Models written by another environment's Python, for tests in a robot's own, without onnx."""

import os
from pathlib import Path
import pickle
import subprocess

import pytest

PYTHON = os.environ.get('MODELS_BY', '')  # e.g. .venv/bin/python
_writer: subprocess.Popen[bytes] | None = None


def pytest_configure() -> None:
    """Start the other process, before there is any test that must start none."""
    global _writer
    if PYTHON:
        root = Path(__file__).parents[2]
        _writer = subprocess.Popen(
            [PYTHON, str(Path(__file__).with_name('channel_model.py'))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={'PATH': os.environ['PATH'], 'PYTHONPATH': str(root)},  # none of this environment
        )  # fmt: skip


def pytest_unconfigure() -> None:
    if _writer is not None:
        _writer.communicate()  # closes its input, at which it ends


def write_channel_model(path: Path, **options: object) -> Path:
    """Have the model written, as ``channel_model.write_channel_model`` would."""
    if _writer is None:
        pytest.skip('onnx is not installed, and MODELS_BY names no Python that has it')
    pickle.dump((path, options), _writer.stdin)
    _writer.stdin.flush()
    answer = pickle.load(_writer.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer
