# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames add up to the same in any order and grouping."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from streets import TINY, street

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.results import merged
from rtseg_ros.evaluation.fleet.state import FleetState
from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy


def state_of(frames):
    """Count frames, given as (index of the street, latency, whether labelled, outcome)."""
    state = FleetState(TINY, Accuracy(align(TINY, TINY), TINY))
    for index, latency_ms, labelled, outcome in frames:
        state.bins[outcome] += 1
        if outcome != 'published':
            state.reasons[f'{outcome}: {index}'] += 1
            continue
        truth = street(index)[1]
        prediction = np.roll(truth, index, axis=1) % 4
        state.latencies.add({'total': latency_ms})
        state.accuracy.add(prediction, truth if labelled else None)
        state.class_pixels += np.bincount(prediction.ravel(), minlength=5)
        state.confidence_sum += index
        state.confidence_pixels += truth.size
    return state.to_dict()


FRAME = st.tuples(
    st.integers(0, 9), st.floats(0.01, 1e3), st.booleans(),
    st.sampled_from(['published', 'published', 'rejected']),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.lists(FRAME, max_size=4), min_size=1, max_size=4), st.randoms())
def test_any_order_and_grouping_gives_the_same(groups, random):
    whole = state_of(sum(groups, []))
    # Frames that are merged came over a wire.
    parts = [json.loads(json.dumps(state_of(group))) for group in groups]
    expected = merged([whole])
    random.shuffle(parts)
    assert merged(parts).to_dict() == expected.to_dict()
    assert merged(parts).figures() == expected.figures()
    if len(parts) > 1:
        pair = merged(parts[:2]).to_dict()
        assert merged([pair, *parts[2:]]).to_dict() == expected.to_dict()


def test_figures_of_a_hand_worked_state():
    state = FleetState(TINY)
    state.bins.update(published=2, rejected=1)
    state.class_pixels += [10, 20, 30, 40, 0]
    state.confidence_sum, state.confidence_pixels = 255 * 25, 100
    state.against_equal, state.against_pixels = 90, 100
    figures = state.figures()
    assert figures['class_shares'] == {
        'dark': 0.1, 'blue': 0.2, 'green': 0.3, 'red': 0.4, 'unlabelled': 0
    }  # fmt: skip
    assert (figures['confidence'], figures['against'], figures['miou']) == (0.25, 0.9, None)
    assert figures['accounting']['received'] == 3


def test_other_classes_are_not_added_up():
    other = FleetState(TINY, Accuracy(align(CAMVID, CAMVID), CAMVID))
    other.accuracy.add(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    with pytest.raises(EvaluationError, match='evaluate them apart'):
        merged([state_of([(0, 1.0, True, 'published')]), other.to_dict()])
