# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Comparison of reports: what is beyond noise, and what cannot be compared."""

import json

import numpy as np
import pytest

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.compare import compare

CLASSES = ('road', 'car')


def write_report(folder, hits, unions, latency_ms, *, lines=True, **changes):
    """A report whose frames have the given counts, (N, 2) each, and latencies, (N,)."""
    folder.mkdir()
    iou = hits.sum(axis=0) / unions.sum(axis=0)
    report = {
        'miou': iou.mean(), 'iou': dict(zip(CLASSES, iou, strict=True)), 'pixel_accuracy': 0.9,
        'boundary_f_score': None, 'temporal_stability': 0.8, 'fps': 10.0, 'complete': True,
        'latency_ms': {'total': {'p50': np.median(latency_ms), 'p99': latency_ms.max()}},
        'accounting': {'received': len(hits), 'published': len(hits)}, 'mode': 'offline',
        'machine': {'processor': 'x'},
    } | changes  # fmt: skip
    (folder / 'report.json').write_text(json.dumps(report))
    if lines:
        with (folder / 'frames.jsonl').open('w') as file:
            for index, (hit, union, latency) in enumerate(
                zip(hits, unions, latency_ms, strict=True)
            ):
                line = {
                    'outcome': 'published', 'latency_ms': {'total': latency},
                    'truth_crc32': index, 'intersection': hit.tolist(), 'union': union.tolist(),
                }  # fmt: skip
                file.write(json.dumps(line) + '\n')
            file.write(json.dumps({'outcome': 'stale', 'reason': ''}) + '\n')
    return folder


@pytest.fixture
def counts():
    random = np.random.default_rng(0)
    unions = random.integers(500, 1500, (120, 2))
    hits = (unions * random.normal(0.7, 0.05, (120, 2))).astype(np.int64)
    return hits, unions, random.gamma(20, 1, 120)


def changes_of(comparison):
    return {change.name: change for change in comparison.changes}


def test_a_small_gain_on_every_frame_is_beyond_noise_if_paired(tmp_path, counts):
    hits, unions, latency = counts
    better = hits.copy()
    better[:, 1] += 8
    first = write_report(tmp_path / 'a', hits, unions, latency)
    second = write_report(tmp_path / 'b', better, unions, latency)
    changes = changes_of(compare(first, second / 'report.json'))
    assert changes['car'].verdict == 'better'
    gain = 8 * 120 / unions[:, 1].sum()
    low, high = changes['car'].interval
    assert low < gain < high
    assert changes['car'].second - changes['car'].first == pytest.approx(gain)
    assert changes['road'].verdict == 'same'
    assert changes['mIoU'].verdict == 'better'
    assert changes['boundary F-score'].interval is None
    assert changes['latency p50'].verdict == 'same'
    # The other way round it is a loss.
    assert changes_of(compare(second, first))['car'].verdict == 'worse'


def test_the_same_gain_on_other_frames_is_noise(tmp_path, counts):
    hits, unions, latency = counts
    order = np.random.default_rng(1).permutation(120)[:100]
    first = write_report(tmp_path / 'a', hits, unions, latency)
    second = write_report(tmp_path / 'b', (hits + 4)[order], unions[order], latency[order])
    comparison = compare(first, second)
    assert changes_of(comparison)['car'].verdict == 'same'
    assert any('different frames' in note for note in comparison.notes)


def test_slower_is_worse(tmp_path, counts):
    hits, unions, latency = counts
    first = write_report(tmp_path / 'a', hits, unions, latency)
    second = write_report(tmp_path / 'b', hits, unions, latency * 1.5)
    changes = changes_of(compare(first, second))
    assert changes['latency p50'].verdict == changes['latency p99'].verdict == 'worse'
    assert changes_of(compare(second, first))['latency p50'].verdict == 'better'


def test_without_frames_there_is_no_interval(tmp_path, counts):
    first = write_report(tmp_path / 'a', *counts, lines=False)
    second = write_report(
        tmp_path / 'b', *counts, machine={'processor': 'y'}, complete=False, stopped_by='Ctrl-C'
    )
    comparison = compare(first, second)
    assert all(change.verdict == '' for change in comparison.changes)
    text = comparison.table()
    assert 'noise is not known' in text
    assert 'differ in machine' in text
    assert 'second report is incomplete: Ctrl-C' in text
    assert 'mIoU (%)' in text


def test_few_frames(tmp_path, counts):
    for count, interval in ((4, None), (5, (0.0, 0.0))):
        few = tuple(array[:count] for array in counts)
        reports = [write_report(tmp_path / f'{name}{count}', *few) for name in 'ab']
        changes = changes_of(compare(*reports))
        assert changes['mIoU'].interval == interval
        assert (changes['latency p50'].interval is None) == (interval is None)


def test_what_cannot_be_compared(tmp_path, counts):
    first = write_report(tmp_path / 'a', *counts)
    other = write_report(tmp_path / 'b', *counts, iou={'sky': 0.5})
    with pytest.raises(EvaluationError, match='road, car and sky'):
        compare(first, other)
    with pytest.raises(EvaluationError, match='not a readable report'):
        compare(first, tmp_path / 'nowhere.json')
    (tmp_path / 'list.json').write_text('[1]')
    with pytest.raises(EvaluationError, match='not a report of rtseg evaluate'):
        compare(first, tmp_path / 'list.json')


def test_reports_are_named_by_what_they_are_about(tmp_path, counts):
    hits, unions, latency = counts
    first = write_report(
        tmp_path / 'a', hits, unions, latency,
        model={'file': 'm.onnx', 'engine': 'tensorrt'}, source={'name': 'bag'},
        created='2026-01-02T03:04:05+00:00',
    )  # fmt: skip
    second = write_report(tmp_path / 'b', hits, unions, latency, model='damaged')
    comparison = compare(first, second / 'report.json')
    assert comparison.reports == (str(first / 'report.json'), str(second / 'report.json'))
    assert comparison.subjects == (
        'm.onnx on bag, tensorrt, offline, 120 frames, 2026-01-02 03:04', 'offline, 120 frames',
    )  # fmt: skip
