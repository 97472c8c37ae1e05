# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What `make aarch64` accepts as the same, and what not."""

import importlib.util
from pathlib import Path
import sys

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / '.ci' / 'aarch64_compare.py'


@pytest.fixture
def compare(tmp_path, monkeypatch, capsys):
    """A function that compares a recording with the same after a change."""
    spec = importlib.util.spec_from_file_location('aarch64_compare', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(change):
        def recording():
            logits = np.zeros((1, 3, 4, 6), np.float32)
            logits[:, 1] = 2.0
            parts = {
                'upsampling, False': np.arange(9),
                'upsampling, confidence': np.arange(9),
            }
            for name in ('tiny', 'tiny_int8'):
                parts |= {
                    f'metadata, {name}': np.arange(5),
                    f'labels, {name}': np.ones((1, 8, 12), np.uint8),
                    f'confidence, {name}': np.full((1, 8, 12), 200, np.uint8),
                    f'logits, {name}': logits.copy(),
                }
            return parts

        there = recording()
        change(there)
        paths = [str(tmp_path / f'{name}.npz') for name in ('here', 'there', 'written')]
        for path, parts in zip(paths, (recording(), there, recording()), strict=True):
            np.savez(path, **parts)
        monkeypatch.setattr(sys, 'argv', ['compare', *paths])
        status = module.main()
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_equal_recordings(compare):
    status, out, err = compare(lambda parts: None)
    assert (status, err) == (0, '')
    assert '4 of 4 parts as they must be' in out


def test_a_part_that_must_be_equal(compare):
    status, _, err = compare(lambda parts: parts['upsampling, False'].__setitem__(0, 7))
    assert status == 1
    assert 'must not: upsampling, False' in err


def test_confidence_of_upsampling_within_one_step(compare):
    def by(steps):
        return lambda parts: parts['upsampling, confidence'].__iadd__(steps)

    assert compare(by(1))[0] == 0
    assert compare(by(2))[0] == 1


def test_a_label_of_fp32_may_differ_in_a_tie_only(compare):
    def elsewhere(parts):
        parts['labels, tiny'][0, 3, 4] = 2

    def tie(parts):
        elsewhere(parts)
        parts['logits, tiny'][:, 2] = 1.0  # two classes as near as the logits differ

    assert compare(elsewhere)[0] == 1
    status, out, _ = compare(tie)
    assert status == 0
    assert '| `tiny` | 1 of 96 | 1 | 0 of 255 |' in out


def test_confidence_of_fp32_within_one_step(compare):
    def by(steps):
        return lambda parts: parts['confidence, tiny'].__setitem__((0, 0, 0), 200 + steps)

    assert compare(by(1))[0] == 0
    assert compare(by(2))[0] == 1


def test_int8_may_be_as_far_from_fp32_as_here(compare):
    status, out, err = compare(lambda parts: parts['labels, tiny_int8'].__setitem__((0, 0, 0), 2))
    assert (status, err) == (0, '')
    assert '| `tiny_int8`, aarch64 | 1 of 96 | 0.000 |' in out
    status, _, err = compare(lambda parts: parts['logits, tiny_int8'].__imul__(3))
    assert status == 1
    assert 'tiny_int8, farther from tiny than here' in err
