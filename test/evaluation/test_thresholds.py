# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Thresholds: which way each figure counts, and what is not measured."""

from pathlib import Path
import re

import pytest

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.thresholds import AT_LEAST, AT_MOST, failures, requirement_from_text

REPORT = {
    'miou': 0.6, 'category_miou': None, 'pixel_accuracy': 0.9, 'fps': 20.0, 'frames': 10,
    'iou': {'Road': 0.95, 'Pole': None},
    'latency_ms': {'total': {'p50': 20.0, 'p99': 50.0}, 'infer': {'p50': 15.0, 'p99': 40.0}},
    'accounting': {'received': 10, 'published': 9},
    'calibration': {'ece_after': 0.02},
}  # fmt: skip


@pytest.mark.parametrize(
    'text',
    [
        'miou=0.6', 'pixel_accuracy = 0.5', 'fps=20', 'iou.Road=0.9', 'latency_p99_ms=50',
        'latency_infer_p50_ms=15', 'lost=0.1', 'ece=0.05', 'frames=10',
    ],
)  # fmt: skip
def test_met(text):
    assert failures(REPORT, [requirement_from_text(text)]) == []


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('miou=0.61', 'miou is 0.6; required is at least 0.61'),
        ('latency_p99_ms=49.9', 'latency_p99_ms is 50; required is at most 49.9'),
        ('latency_infer_p99_ms=10', 'latency_infer_p99_ms is 40; required is at most 10'),
        ('lost=0.05', 'lost is 0.1; required is at most 0.05'),
        ('ece=0.01', 'ece is 0.02; required is at most 0.01'),
        ('fps=25', 'fps is 20; required is at least 25'),
        ('category_miou=0.1', 'category_miou was not measured; required is at least 0.1'),
        ('iou.Pole=0.1', 'iou.Pole was not measured; required is at least 0.1'),
        ('temporal_stability=0.5', 'temporal_stability was not measured'),
    ],
)
def test_missed(text, line):
    (found,) = failures(REPORT, [requirement_from_text(text)])
    assert found.text.startswith(line)
    assert not found.ok
    assert text.startswith(f'{found.name}=')


def test_not_measured_is_a_miss():
    empty = {'latency_ms': {}, 'accounting': {'received': 0, 'published': 0}, 'iou': {'a': None}}
    for text in ('latency_p99_ms=50', 'latency_infer_p99_ms=50', 'lost=0.1', 'ece=1', 'miou=0'):
        assert len(failures(empty, [requirement_from_text(text)])) == 1, text


@pytest.mark.parametrize('text', ['mIoU=0.6', 'speed=3', 'iou.=1', '', '=3', 'latency_p42_ms=1'])
def test_unknown_figures_list_the_known(text):
    with pytest.raises(EvaluationError, match='at least: miou'):
        requirement_from_text(text)


@pytest.mark.parametrize('text', ['miou', 'miou=', 'miou=high'])
def test_values_must_be_numbers(text):
    with pytest.raises(EvaluationError, match='number'):
        requirement_from_text(text)


def test_unknown_class_and_stage():
    with pytest.raises(EvaluationError, match='there are Road, Pole'):
        failures(REPORT, [requirement_from_text('iou.Moon=0.5')])
    with pytest.raises(EvaluationError, match='there are total, infer'):
        failures(REPORT, [requirement_from_text('latency_decode_p50_ms=5')])


def test_the_documentation_lists_every_figure():
    page = (Path(__file__).parents[2] / 'docs' / 'evaluation.md').read_text(encoding='utf-8')
    listed = page[page.index('`--require` knows') :].split('\n\n')[0]
    assert set(AT_LEAST + AT_MOST) <= set(re.findall(r'`(\w+)`', listed))
