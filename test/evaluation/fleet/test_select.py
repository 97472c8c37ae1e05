# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which frames are worth a person's time."""

import csv

import cv2
import numpy as np
import pytest
from streets import street
from test_fleet_run import run

from rtseg_ros.evaluation.fleet.find import find_bags
from rtseg_ros.evaluation.fleet.select import APART_NS, Candidate, choose, select_frames


def test_the_lowest_scores_spread_over_bags_and_seconds():
    frames = [
        Candidate(bag, index, index * APART_NS // 4, 0.1 * index + shift)
        for bag, shift in (('a', 0.0), ('b', 5.0))
        for index in range(20)
    ]
    chosen = choose(frames, 4)
    # Of a's first second only its first frame; no bag gives more than twice its even share.
    assert [(one.bag, one.frame) for one in chosen] == [('a', 0), ('a', 4), ('a', 8), ('a', 12)]
    chosen = choose(frames, 8)
    assert [one.bag for one in chosen].count('a') == 5, 'its five seconds'
    stamps = sorted(one.stamp_ns for one in chosen if one.bag == 'b')
    assert min(np.diff(stamps)) >= APART_NS


def test_fewer_than_asked_if_there_are_no_more_seconds():
    frames = [Candidate('a', index, 1 + index, 0.5) for index in range(10)]
    assert len(choose(frames, 5)) == 1
    assert choose([], 5) == []


@pytest.mark.process
def test_frames_and_masks_are_written(make_bag, make_model, tiny_model, tmp_path, watcher):
    for name in 'ab':
        make_bag(f'fleet/{name}', range(6))
    bags = find_bags([str(tmp_path / 'fleet')])
    report = run(bags, tiny_model, tmp_path / 'out', watcher).report
    for _ in range(2):  # made anew
        folder, count = select_frames(
            tmp_path / 'out', report, 3, str(make_model('fleet', stride=1))
        )
    rows = list(csv.DictReader((folder / 'selection.csv').open()))
    assert count == len(rows) == 3 == len(list((folder / 'frames').iterdir()))
    for row in rows:
        frame = cv2.imread(str(folder / 'frames' / row['file']))
        mask = cv2.imread(str(folder / 'masks' / row['file']), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(frame, street(int(row['frame']))[0])
        assert mask.shape == frame.shape[:2]
        assert mask.max() == 3
        assert int(row['stamp_ns']) % 400_000_000 == 0
    assert {row['bag'] for row in rows} == {'a', 'b'}


@pytest.mark.parametrize('count', [1, 2])
def test_no_more_than_asked(count):
    frames = [Candidate('a', index, index * 2 * APART_NS, 0.5) for index in range(10)]
    assert len(choose(frames, count)) == count
