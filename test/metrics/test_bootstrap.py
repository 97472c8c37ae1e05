# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The noise of figures: how often the interval covers the truth."""

import numpy as np
import pytest

from rtseg_ros.metrics.bootstrap import (
    FEWEST_RUNS,
    RESAMPLES,
    draws,
    intervals,
    latency_interval,
    resampled_iou,
    run_length,
)


def test_runs_are_consecutive_and_go_round():
    rows = list(draws(200, resamples=50, seed=1))
    for row in rows:
        runs = row.reshape(-1, 10)
        assert runs.shape == (20, 10)
        assert ((np.diff(runs, axis=1) % 200) == 1).all()
    seen = np.bincount(np.concatenate(rows), minlength=200)
    assert seen.min() > 0  # the frames at both ends too
    again = list(draws(200, resamples=50, seed=1))
    assert all((a == b).all() for a, b in zip(rows, again, strict=True))


@pytest.mark.parametrize(('count', 'length'), [(1, 1), (9, 1), (24, 4), (50, 10), (10_000, 10)])
def test_few_frames_are_drawn_in_short_runs(count, length):
    assert run_length(count) == length


def test_equal_draws_leave_no_noise_in_equal_reports():
    random = np.random.default_rng(0)
    union = random.integers(500, 1500, (60, 3))
    hits = union // 2
    hits[:, 2] = union[:, 2] = 0
    first, second = (resampled_iou(hits, union, seed=0) for _ in range(2))
    assert first.shape == (RESAMPLES, 4)
    found = intervals(second - first, count=60)
    assert found == [(0, 0), (0, 0), (0, 0), None]  # the last class is in no frame
    assert intervals(second - first, count=FEWEST_RUNS - 1) == [None] * 4


def share_covered(*, frames, run, draws_of_one_model=60):
    """How often the 95 % interval of two draws of one model holds 0.

    ``run`` frames in a row share their luck, as frames of a video do.
    """
    covered = 0
    for seed in range(draws_of_one_model):
        random = np.random.default_rng(seed)
        union = random.integers(500, 1500, (frames, 1))
        first, second = (
            (union * random.normal(0.7, 0.05, (frames // run, 1)).repeat(run, axis=0)).astype(int)
            for _ in range(2)
        )
        change = resampled_iou(second, union, seed=0) - resampled_iou(first, union, seed=0)
        low, high = intervals(change, count=frames)[1]
        covered += low <= 0 <= high
    return covered / draws_of_one_model


@pytest.mark.parametrize(('frames', 'run'), [(50, 1), (100, 1), (100, 5), (200, 10)])
def test_the_interval_covers_what_it_says(frames, run):
    assert 0.8 <= share_covered(frames=frames, run=run) <= 1.0


def test_a_change_of_a_percentile_is_seen_and_chance_is_not():
    random = np.random.default_rng(0)
    first, second = random.gamma(20, 1, 300), random.gamma(20, 1, 300)
    low, high = latency_interval(first, second, percent=50)
    assert low < 0 < high
    low, high = latency_interval(first, second + 3, percent=50)
    assert 1 < low < 3 < high < 5
    assert latency_interval(first, second[:4], percent=99) is None
