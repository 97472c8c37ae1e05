# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A whole fleet: what comes out, what is run again, and what is lost."""

import contextlib
import json
import shutil

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from streets import TINY

from rtseg_ros.errors import EngineError
from rtseg_ros.evaluation.evaluate import evaluate
from rtseg_ros.evaluation.fleet.find import find_bags
from rtseg_ros.evaluation.fleet.run import FleetSettings, evaluate_fleet, fleet_summary, load_model
from rtseg_ros.evaluation.fleet.tags import read_tags
from rtseg_ros.evaluation.fleet.task import TaskSettings
from rtseg_ros.evaluation.report.report import report_from_recorder
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.runtime import load_segmenter

pytestmark = pytest.mark.process

TIMES = ('seconds', 'created', 'latency_ms', 'moments')


def run(bags, model, output, watcher, *, against=None, tags=(), settings=None, **how):
    return evaluate_fleet(
        bags,
        model=model,
        against=against,
        settings=settings or TaskSettings(),
        how=FleetSettings(**{'workers': 1, **how}),
        tags=dict(tags),
        output=output,
        watcher=watcher,
    )


def untimed(value):
    """Leave out what depends on time."""
    if isinstance(value, dict):
        return {key: untimed(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [untimed(item) for item in value]
    return value


@pytest.fixture
def fleet(make_bag, tmp_path):
    """Three good bags of two robots, one cut off, one empty file."""
    make_bag('fleet/r1/a', range(5))
    make_bag('fleet/r1/b', range(5, 9), storage='sqlite3')
    make_bag('fleet/r2/c', range(3), labelled=False)
    cut = make_bag('fleet/r2/cut', range(6))
    file = cut / 'cut.mcap'
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    (tmp_path / 'fleet' / 'r2' / 'nothing.mcap').touch()
    return find_bags([str(tmp_path / 'fleet')])


def test_broken_bags_stop_no_other(fleet, tiny_model, tmp_path, watcher):
    tags = read_tags('{robot}/*', fleet)
    done = run(fleet, tiny_model, tmp_path / 'out', watcher, tags=tags, workers=2)
    report = done.report
    assert done.error is None
    assert report['complete']
    assert report['statuses'] == {'done': 3, 'partial': 1, 'failed': 1}
    reasons = {bag['bag']: bag['reason'] for bag in report['bags']}
    assert 'breaks off' in reasons['r2/cut']
    assert 'empty' in reasons['r2/nothing.mcap']
    assert {tag: group['bags'] for tag, group in report['by_tag']['robot'].items()} == {
        'r1': 2, 'r2': 2
    }  # fmt: skip
    frames = pq.read_table(tmp_path / 'out' / 'frames.parquet')
    assert len(frames) == report['figures']['accounting']['received'] == watcher.count
    assert set(frames['tag_robot'].to_pylist()) == {'r1', 'r2'}
    bags = {
        row['bag']: row for row in pq.read_table(tmp_path / 'out' / 'bags.parquet').to_pylist()
    }
    assert bags['r1/a']['frames'] == 5
    assert bags['r2/c']['miou'] is None
    assert bags['r2/nothing.mcap']['status'] == 'failed'
    assert bags['r1/a']['share_dark'] == pytest.approx(0.25)
    assert '5 bags: 3 done, 1 partial, 1 failed' in fleet_summary(report)[0]


def test_the_sum_is_that_of_one_run_over_all_frames(make_bag, tiny_model, tmp_path, watcher):
    parts = [make_bag(f'parts/{name}', part) for name, part in (('a', range(4)), ('b', [4, 2]))]
    whole = make_bag('whole', [0, 1, 2, 3, 4, 2])
    bags = find_bags([str(part) for part in parts])
    figures = run(bags, tiny_model, tmp_path / 'out', watcher).report['figures']
    model = tmp_path / 'model.onnx'
    model.write_bytes(tiny_model.content)
    segmenter = load_segmenter(model)
    source = BagSource(whole)
    outcome = evaluate(segmenter, source, output=tmp_path / 'one')
    one = report_from_recorder(
        outcome.recorder, mode='offline', source=source.facts(), model={}, fps=None, mapping='',
        stopped_by='',
    )  # fmt: skip
    for name in ('miou', 'iou', 'pixel_accuracy', 'boundary_f_score', 'confusion_matrix',
                 'truth_pixels', 'frequency_weighted_iou'):  # fmt: skip
        assert figures[name] == one[name], name
    assert figures['miou'] < 1


def test_two_runs_agree_in_everything_but_time(fleet, tiny_model, tmp_path, watcher):
    reports = [
        run(fleet, tiny_model, tmp_path / name, watcher, workers=workers).report
        for name, workers in (('first', 1), ('second', 2))
    ]
    assert untimed(reports[0]) == untimed(reports[1])


def test_only_what_changed_is_done_anew(fleet, make_bag, tiny_model, tmp_path, watcher):
    output = tmp_path / 'out'
    first = run(fleet, tiny_model, output, watcher).report
    watcher.ended.clear()
    again = run(fleet, tiny_model, output, watcher).report
    assert watcher.kept == 4
    assert watcher.ended == [('r2/nothing.mcap', 'failed')]
    assert untimed(again) == untimed(first)
    watcher.ended.clear()
    shutil.rmtree(tmp_path / 'fleet' / 'r1' / 'a')
    make_bag('fleet/r1/a', range(2))
    (output / 'bags' / 'r1%2fb' / 'report.json').write_text('{"half":')
    changed = run(fleet, tiny_model, output, watcher).report
    # Bags of several workers end in any order.
    assert sorted(name for name, _ in watcher.ended) == ['r1/a', 'r1/b', 'r2/nothing.mcap']
    assert changed['bags'][0]['figures']['frames'] == 2
    watcher.ended.clear()
    run(fleet, tiny_model, output, watcher, settings=TaskSettings(limit=1))
    assert len(watcher.ended) == 5, 'other settings, other figures'


def test_bags_that_are_no_longer_meant_leave(fleet, tiny_model, tmp_path, watcher):
    run(fleet, tiny_model, tmp_path / 'out', watcher)
    report = run(fleet[:1], tiny_model, tmp_path / 'out', watcher).report
    assert [bag['bag'] for bag in report['bags']] == ['r1/a']
    assert [path.name for path in (tmp_path / 'out' / 'bags').iterdir()] == ['r1%2fa']


def workers_of_this_process():
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if 'spawn_main' in ' '.join(process.cmdline())
    ]


def test_a_bag_that_kills_its_worker_twice_is_listed_as_that(
    make_bag, make_model, tiny_model, tmp_path, watcher
):
    """The part of the hostile bag is played by signals: whoever works on it dies."""
    bags = find_bags([str(make_bag('hostile', range(60)))])
    slow = load_model(make_model('fleet_slow', stride=1, size_hw=(480, 640), work=8))
    count, kills = watcher.frames, []

    def kill(frames):
        count(frames)
        if frames and len(kills) < 2:
            kills.append(frames)
            for process in workers_of_this_process():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    watcher.frames = kill
    report = run(bags, slow, tmp_path / 'out', watcher).report
    assert report['statuses'] == {'failed': 1}
    assert 'killed its worker 2 times (signal 9)' in report['bags'][0]['reason']
    watcher.frames = count
    assert run(bags, tiny_model, tmp_path / 'out', watcher).report['statuses'] == {'done': 1}


def test_a_bag_that_takes_too_long_is_listed_as_that(make_bag, tiny_model, tmp_path, watcher):
    bags = find_bags([str(make_bag('slow', range(30)))])
    report = run(bags, tiny_model, tmp_path / 'out', watcher, timeout_s=0.001).report
    assert report['bags'][0]['reason'] == 'it took longer than 0.001 s, 2 times (--bag-timeout)'
    assert report['figures'] == {}
    assert not (tmp_path / 'out' / 'frames.parquet').exists()


def test_another_model_is_compared_with(make_bag, tiny_model, make_model, tmp_path, watcher):
    bags = find_bags([str(make_bag('one', range(3)))])
    other = load_model(make_model('fleet_swapped', stride=1, swapped=True))
    report = run(bags, tiny_model, tmp_path / 'out', watcher, against=other).report
    # Blue and red change places: two of four equal quarters agree.
    assert report['figures']['against'] == 0.5
    assert report['against']['sha256'] == other.sha256


def test_a_model_that_no_worker_can_run_ends_it_and_keeps_what_was_done(
    make_bag, tiny_model, tmp_path, watcher
):
    bags = find_bags([str(make_bag('one', range(2)))])
    settings = TaskSettings(providers=('NoSuchProvider',))
    done = run(bags, tiny_model, tmp_path / 'out', watcher, settings=settings)
    assert isinstance(done.error, EngineError)
    assert 'cannot be loaded in a worker' in str(done.error)
    assert json.loads((tmp_path / 'out' / 'fleet.json').read_text())['complete'] is False


def test_ctrl_c_leaves_a_report_and_the_rest_is_done_later(fleet, tiny_model, tmp_path, watcher):
    ended = {}

    def interrupted(name, status, reason):
        ended[name] = status
        if name == 'r1/a':
            raise KeyboardInterrupt

    watcher.bag = interrupted
    done = run(fleet, tiny_model, tmp_path / 'out', watcher)
    assert isinstance(done.error, KeyboardInterrupt)
    report = json.loads((tmp_path / 'out' / 'fleet.json').read_text())
    assert report['stopped_by'] == 'interrupted'
    assert {bag['bag']: bag['status'] for bag in report['bags']} == ended
    del watcher.bag
    after = run(fleet, tiny_model, tmp_path / 'out', watcher).report
    assert watcher.kept == sum(status != 'failed' for status in ended.values())
    assert after['complete']


def test_classes_that_differ_are_not_added_up(make_bag, tiny_model, tmp_path, watcher):
    bags = find_bags([str(make_bag('one', range(2)))])
    mapping = {name: 'x' if name == 'red' else name for name in TINY.names}
    done = run(bags, tiny_model, tmp_path / 'out', watcher, settings=TaskSettings(mapping=mapping))
    assert done.report['statuses'] == {'failed': 1}


def test_masks_of_a_bag_are_compared_with_those_before_them(
    make_bag, tiny_model, tmp_path, watcher
):
    bags = find_bags([str(make_bag('still', [0, 0, 0], labelled=False))])
    figures = run(bags, tiny_model, tmp_path / 'out', watcher).report['figures']
    assert figures['mask_agreement'] == 1
    assert figures['miou'] is None
    rows = pq.read_table(tmp_path / 'out' / 'frames.parquet').to_pylist()
    assert [row['agreement'] for row in rows] == [None, 1, 1]
    assert np.isfinite([row['confidence'] for row in rows]).all()
