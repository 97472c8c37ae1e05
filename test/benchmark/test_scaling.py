# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Curves over size, classes and cameras, and their picture."""

import pytest

from rtseg_ros.benchmark import scaling as module
from rtseg_ros.benchmark.results.plots import scaling_curves
from rtseg_ros.benchmark.scaling import scaling
from rtseg_ros.benchmark.subject import Source

pytestmark = [pytest.mark.export, pytest.mark.process]


@pytest.fixture(scope='module')
def curves():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'SIZES', ((64, 64), (256, 384)))
        patch.setattr(module, 'CLASSES', (40,))
        patch.setattr(module, 'CAMERAS', (1, 2))
        patch.setattr(module, 'CLASSES_SIZE_HW', (64, 64))
        patch.setattr(module, 'CAMERAS_SIZE_HW', (64, 64))
        found = scaling('swiftnet_mnv2', Source(), seconds=0.2, device='cpu', say=lambda _: None)
    return {curve.name: curve for curve in found}


def test_larger_frames_cost_more(curves):
    small, large = curves['frame size'].points
    assert small.x == pytest.approx(64 * 64 / 1e6)
    assert large.x == pytest.approx(256 * 384 / 1e6)
    assert min(small.total_ms, large.total_ms) > 0
    assert large.memory_mib > small.memory_mib
    assert set(large.stages_ms) == {'preprocess', 'infer', 'labels'}


def test_every_process_has_its_own_memory(curves):
    one, two = curves['cameras, one process each'].points
    assert two.memory_mib == pytest.approx(2 * one.memory_mib, rel=0.2)
    shared = curves['cameras, one process'].points
    assert shared[1].memory_mib == pytest.approx(shared[0].memory_mib, rel=0.2)


def test_the_picture(curves, tmp_path):
    path = tmp_path / 'scaling.png'
    scaling_curves(list(curves.values()), path)
    assert path.read_bytes().startswith(b'\x89PNG')
