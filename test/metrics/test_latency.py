# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Percentiles in constant memory, and the timeline that halves itself."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from rtseg_ros.metrics.latency import LatencyHistogram, StageLatencies, Timeline


def histogram_of(values):
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(value)
    return histogram


def test_hand_worked_summary():
    summary = histogram_of([1, 2, 3, 4, 5, 6, 7, 8, 9, 100]).summary()
    assert summary['n'] == 10
    assert summary['mean'] == 14.5
    assert summary['p50'] == pytest.approx(5, rel=5e-4)
    assert summary['p95'] == pytest.approx(100, rel=5e-4)
    assert summary['max'] == 100


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=300), st.sampled_from((50, 95, 99)))
def test_percentiles_are_those_of_numpy(values, percent):
    expected = np.percentile(values, percent, method='inverted_cdf')
    assert histogram_of(values).percentile(percent) == pytest.approx(expected, rel=6e-4)


def test_deviation_is_that_of_numpy():
    values = np.random.default_rng(0).gamma(2, 10, 1000)
    histogram = histogram_of(values)
    assert histogram.deviation() == pytest.approx(values.std(), abs=1e-6)
    assert histogram.mean() == pytest.approx(values.mean())


def test_clocks_that_disagree_do_not_break_it():
    histogram = histogram_of([-1.0, 5.0])
    assert histogram.summary()['max'] == 5.0
    assert histogram.percentile(50) < 0.01


def test_nothing_counted():
    histogram = LatencyHistogram()
    assert math.isnan(histogram.mean())
    assert math.isnan(histogram.deviation())
    with pytest.raises(ValueError, match='no times'):
        histogram.percentile(50)


def test_bars_hold_every_frame():
    values = [*range(10, 60), 900]
    edges, counts = histogram_of(values).bars(20)
    assert counts.sum() == 51
    assert edges[0] == 10
    assert edges[-1] == pytest.approx(1080, rel=1e-3)
    assert histogram_of([3.0]).bars(5)[1].sum() == 1


def test_stages():
    stages = StageLatencies()
    stages.add({'infer': 2.0, 'total': 3.0})
    stages.add({'infer': 4.0, 'total': 5.0})
    assert stages.summary()['infer']['mean'] == 3.0
    assert list(stages.summary()) == ['infer', 'total']


def test_timeline_keeps_every_frame_in_few_moments():
    timeline = Timeline(points=4)
    for frame in range(100):
        timeline.add(float(frame), None if frame % 10 == 3 else float(frame))
    assert len(timeline.moments) <= 8
    assert sum(moment.frames for moment in timeline.moments) == 100
    assert sum(moment.lost for moment in timeline.moments) == 10
    assert timeline.moments[0].time_s == 0
    assert max(moment.latency_ms for moment in timeline.moments) == 99
    times = [moment.time_s for moment in timeline.moments]
    assert times == sorted(times)


def test_timeline_of_losses_only():
    timeline = Timeline(points=2)
    for frame in range(9):
        timeline.add(float(frame), None)
    assert all(math.isnan(moment.latency_ms) for moment in timeline.moments)


@given(st.lists(st.lists(st.floats(0, 1e4), max_size=20), max_size=5), st.randoms())
def test_merged_histograms_are_those_of_all_times(parts, random):
    whole, merged = LatencyHistogram(), LatencyHistogram()
    for value in sum(parts, []):
        whole.add(value)
    random.shuffle(parts)
    for part in parts:
        one = LatencyHistogram()
        for value in part:
            one.add(value)
        merged.merge_dict(one.to_dict())
    assert merged.to_dict() == whole.to_dict()
    if whole.count:
        assert merged.summary() == whole.summary()
