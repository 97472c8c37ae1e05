# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Two fleets side by side."""

import numpy as np
import pytest
from test_fleet_run import run

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.compare import compare_fleets, is_fleet
from rtseg_ros.evaluation.fleet.find import find_bags
from rtseg_ros.evaluation.fleet.intervals import intervals_over_bags, paired_intervals
from rtseg_ros.evaluation.fleet.run import load_model
from rtseg_ros.evaluation.fleet.tags import read_tags


def state(hits, misses):
    matrix = [[hits, misses, 0], [0, hits, 0]]
    return {
        'accuracy': {'matrix': matrix}, 'confidence': [255 * hits, hits + misses],
        'agreement': [0, 0], 'against': [0, 0],
    }  # fmt: skip


def test_intervals_hold_the_figure_and_need_five_bags():
    states = [state(90 + index, 10 - index) for index in range(8)]
    found = intervals_over_bags(states)
    low, high = found['pixel_accuracy']
    accuracy = sum(2 * (90 + i) for i in range(8)) / sum(190 + i for i in range(8))
    assert low < accuracy < high
    assert found['against'] is None
    assert intervals_over_bags(states[:4])['miou'] is None
    assert intervals_over_bags([]) == dict.fromkeys(found)


def test_drawing_in_pairs_sees_what_apart_is_noise():
    """Bags differ much, models little but always."""
    random = np.random.default_rng(0)
    hits = random.integers(20, 90, 12)
    first = [state(int(h), 100 - int(h)) for h in hits]
    second = [state(int(h) + 1, 99 - int(h)) for h in hits]
    low, high = paired_intervals(first, second)['pixel_accuracy']
    assert 0 < low < high
    apart = intervals_over_bags(first)['pixel_accuracy']
    assert apart[1] - apart[0] > 5 * (high - low)


@pytest.fixture
def pair(make_bag, make_model, tiny_model, tmp_path, watcher):
    """The same six bags by a good and by a bad model; the bad one missed a bag."""
    for index in range(6):
        make_bag(f'fleet/r{index % 2}/b{index}', range(index, index + 2))
    bags = find_bags([str(tmp_path / 'fleet')])
    bad = load_model(make_model('fleet_swapped', stride=1, swapped=True))
    tags = read_tags('{robot}/*', bags)
    run(bags, bad, tmp_path / 'bad', watcher, tags=tags)
    run(bags[:-1], tiny_model, tmp_path / 'good', watcher, tags=tags)
    return tmp_path / 'bad', tmp_path / 'good'


@pytest.mark.process
def test_what_changed_over_the_bags_that_both_finished(pair):
    comparison = compare_fleets(*pair)
    changes = {change.name: change for change in comparison.changes}
    assert changes['mIoU'].verdict == 'better'
    assert changes['mIoU'].interval[0] > 0.3
    assert changes['robot r0: mIoU'].interval is None, 'three bags say nothing of noise'
    assert '5 bags that both finished' in comparison.notes[0]
    assert any('Only the first finished: r1/b5' in note for note in comparison.notes)
    assert is_fleet(pair[0])
    assert not is_fleet(pair[0] / 'bags')


@pytest.mark.process
def test_fleets_without_a_common_bag(pair, make_bag, tiny_model, tmp_path, watcher):
    run(find_bags([str(make_bag('other', [1]))]), tiny_model, tmp_path / 'alone', watcher)
    with pytest.raises(EvaluationError, match='no finished bag in common'):
        compare_fleets(pair[0], tmp_path / 'alone')
    (tmp_path / 'alone' / 'fleet.json').write_text('{}')
    with pytest.raises(EvaluationError, match='is not the result of rtseg evaluate --bags'):
        compare_fleets(pair[0], tmp_path / 'alone')
