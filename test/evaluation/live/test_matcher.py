# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Matching by stamp and scoring, without ROS."""

import cv2
import numpy as np
import pytest
from streets import TINY, street

from rtseg_ros.errors import FrameError
from rtseg_ros.evaluation.live.matcher import PIXEL_WINDOW, WINDOW, LiveMatcher, score
from rtseg_ros.evaluation.live.rate_search import MAX_PROBES, Probe, search_rate
from rtseg_ros.evaluation.live.report import (
    LiveRun,
    node_counts,
    report_live,
    started_again,
)
from rtseg_ros.evaluation.live.spool import Spool, Spooled
from rtseg_ros.evaluation.recorder import Recorder
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime.model_file import read_model_file

MS = 1_000_000
FRAME, TRUTH = street(0)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / 'masks.part')


def matcher_for(spool, *, expects_truth=True, patience_s=1.0):
    return LiveMatcher(spool, expects_truth=lambda: expects_truth, patience_s=patience_s)


def frame():
    return FRAME


def read(matcher, spool):
    matcher.finish()
    spool.close()
    return list(spool)


def test_spool_gives_back_what_it_got(spool):
    items = [
        Spooled('a', 0.0, 12.5, False, b'jpeg', TRUTH, TRUTH.copy()),
        Spooled('b', 0.1, None, False),
        Spooled('c', 0.2, 3.0, True, b'', TRUTH),
    ]
    for item in items:
        spool.add(item)
    spool.close()
    back = list(spool)
    assert [(i.name, i.time_s, i.latency_ms, i.continues, i.frame) for i in back] == [
        (i.name, i.time_s, i.latency_ms, i.continues, i.frame) for i in items
    ]
    assert (back[0].mask == TRUTH).all()
    assert (back[0].truth == TRUTH).all()
    assert back[1].mask is back[1].truth is back[2].truth is None


def test_spool_is_deleted_at_the_end_whatever_happens(tmp_path):
    def interrupted():
        with Spool(tmp_path / 'masks.part') as spool:
            spool.add(Spooled('a', 0.0, None, False))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_latency_is_from_publication_to_arrival(spool):
    matcher = matcher_for(spool)
    for index in range(3):
        matcher.truth(index * 100 * MS, TRUTH)
        matcher.image(index * 100 * MS, (1000 + index * 100) * MS, frame)
        matcher.mask(index * 100 * MS, (1000 + index * 100 + 40 + index) * MS, TRUTH)
    items = read(matcher, spool)
    assert [item.latency_ms for item in items] == [40, 41, 42]
    assert [item.time_s for item in items] == [0, 0.1, 0.2]
    assert [item.continues for item in items] == [False, True, True]
    figures = matcher.figures()
    assert figures['sent'] == figures['masks'] == 3
    assert figures['sent_hz'] == pytest.approx(10)
    assert figures['masks_hz'] == pytest.approx(2 / 0.202)
    assert figures['sent_jitter_ms'] == pytest.approx(0, abs=1e-6)
    assert matcher.problems == {}


def test_any_order_of_the_three_topics(spool):
    matcher = matcher_for(spool)
    matcher.mask(1, 90 * MS, TRUTH)
    matcher.truth(1, TRUTH)
    matcher.image(1, 50 * MS, frame)
    matcher.image(2, 60 * MS, frame)
    matcher.mask(2, 95 * MS, TRUTH)
    matcher.truth(2, TRUTH)
    matcher.image(3, 70 * MS, frame)
    items = read(matcher, spool)
    assert [item.latency_ms for item in items] == [40, 35, None]
    assert items[0].truth is not None
    assert items[1].truth is not None


def test_a_frame_without_a_mask_is_written_in_its_place(spool):
    matcher = matcher_for(spool, expects_truth=False)
    for stamp in (1, 2, 3):
        matcher.image(stamp, stamp * MS, frame)
    matcher.mask(1, 20 * MS, TRUTH)
    matcher.mask(3, 30 * MS, TRUTH)
    assert matcher.waiting == 1
    items = read(matcher, spool)
    assert [item.latency_ms for item in items] == [19, None, 27]
    assert [item.continues for item in items] == [False, False, False]


def test_patience_ends(spool):
    matcher = matcher_for(spool, expects_truth=False, patience_s=0.1)
    matcher.image(1, 0, frame)
    matcher.image(2, 200 * MS, frame)  # the first has waited 200 ms now
    matcher.mask(1, 201 * MS, TRUTH)
    items = read(matcher, spool)
    assert [item.latency_ms for item in items] == [None, None]
    assert matcher.problems == {'masks without an image, or too late': 1}


def test_what_does_not_belong_together_is_counted(spool):
    matcher = matcher_for(spool)
    matcher.image(1, 0, frame)
    matcher.image(1, 1, frame)
    matcher.mask(1, 5, TRUTH)
    matcher.mask(1, 6, TRUTH)
    matcher.mask(77, 5, TRUTH)
    matcher.truth(78, TRUTH)
    read(matcher, spool)
    assert matcher.problems == {
        'images with the stamp of another one': 1,
        'second masks for an image': 1,
        'masks without an image, or too late': 1,
        'ground truth without an image': 1,
    }


def test_memory_is_bounded_whatever_comes(spool):
    matcher = matcher_for(spool, patience_s=1e6)
    for stamp in range(5 * WINDOW):
        matcher.image(stamp, stamp, frame)
        matcher.truth(10_000 + stamp, TRUTH)
        matcher.mask(20_000 + stamp, stamp, TRUTH)
    assert len(matcher._pending) <= WINDOW
    assert len(matcher._truths) <= WINDOW
    assert len(matcher._masks_first) <= WINDOW
    with_pixels = [item for item in matcher._pending.values() if item.frame is not None]
    assert len(with_pixels) <= PIXEL_WINDOW
    assert len(read(matcher, spool)) == 5 * WINDOW


def test_a_picture_that_cannot_be_decoded_is_left_out(spool):
    def broken():
        raise FrameError('no such encoding')

    matcher = matcher_for(spool)
    matcher.truth(1, TRUTH)
    matcher.image(1, 0, broken)
    matcher.mask(1, 5, TRUTH)
    (item,) = read(matcher, spool)
    assert item.frame == b''
    assert 'image without a picture: no such encoding' in matcher.problems


def test_scoring_equals_scoring_at_once(spool, tmp_path):
    matcher = matcher_for(spool)
    expected = Accuracy(align(TINY, TINY), TINY)
    for index in range(4):
        image, truth = street(index)
        prediction = np.where(truth == 255, 0, truth).astype(np.uint8)
        prediction[:3] = index % 3
        matcher.truth(index * MS, truth)
        matcher.image(index * MS, index * MS, lambda image=image: image)
        matcher.mask(index * MS, index * MS + 5, prediction)
        expected.add(prediction, truth, continues=index > 0)
    matcher.truth(9 * MS, TRUTH[:10])
    matcher.image(9 * MS, 9 * MS, frame)
    matcher.mask(9 * MS, 9 * MS, TRUTH)
    matcher.image(10 * MS, 10 * MS, frame)
    matcher.finish()
    spool.close()
    seen = []
    with Recorder(tmp_path, Accuracy(align(TINY, TINY), TINY)) as recorder:
        score(spool, recorder, progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]
    ours, theirs = recorder.accuracy.figures(), expected.figures()
    for key in ('confusion_matrix', 'boundary_f_score', 'temporal_stability'):
        assert ours[key] == theirs[key]
    assert recorder.reasons == {'ground truth not used: it is 64x10, the mask 64x48': 1}
    assert set(recorder.previews.chosen()) == {'worst', 'median', 'best'}
    for preview in recorder.previews.chosen().values():
        assert f'{preview.since_start_s:.3f}' == preview.name  # both count from 0 here
    picture = cv2.imdecode(
        np.frombuffer(recorder.previews.chosen()['best'].frame, np.uint8), cv2.IMREAD_COLOR
    )
    assert picture.shape == (48, 64, 3)
    assert recorder.accounting() == {
        'received': 6, 'published': 5, 'superseded': 0, 'skipped': 0, 'stale': 0,
        'rejected': 0, 'failed': 0,
        'lost': 1,
    }  # fmt: skip


def test_the_bags_own_ids_become_class_ids(spool, tmp_path):
    matcher = matcher_for(spool)
    matcher.truth(1, np.where(TRUTH == 3, 30, TRUTH).astype(np.uint8))
    matcher.image(1, 0, frame)
    matcher.mask(1, 5, np.minimum(TRUTH, 3))
    matcher.finish()
    spool.close()
    table = np.arange(256, dtype=np.uint8)
    table[30] = 3
    with Recorder(tmp_path, Accuracy(align(TINY, TINY), TINY)) as recorder:
        score(spool, recorder, truth_table=table)
    assert recorder.accuracy.figures()['miou'] == 1
    assert recorder.accuracy.unknown_pixels == 0


def test_lost_frames_are_explained_by_what_the_node_counted(tmp_path):
    with Recorder(tmp_path, None) as recorder:
        for index in range(10):
            recorder.dropped(str(index), 'lost', time_s=0.0)
    recorder.explain_lost({'superseded': 6, 'stale': 0, 'rejected': 1, 'published': 50})
    accounting = recorder.accounting()
    assert (accounting['superseded'], accounting['rejected'], accounting['lost']) == (6, 1, 3)
    assert accounting['received'] == 10 == sum(accounting.values()) - 10
    recorder.explain_lost({'failed': 99})
    assert 'lost' not in recorder.accounting()


def test_the_nodes_counts_are_those_since_the_start(spool):
    before = {'received': '5', 'published': '5', 'engine': 'x'}
    after = {'received': '25', 'published': '20', 'superseded': '5', 'stale': '0'}
    run = LiveRun(matcher_for(spool), spool, before, after)
    assert node_counts(run) == {'received': 20, 'published': 15, 'superseded': 5, 'stale': 0}
    spool.close()


def test_counters_that_start_again_are_added_up(tmp_path):
    """50 before, up to 90 when the node ended; the new one counts 30: 40 and 30 are ours."""
    names = ('received', 'published', 'superseded')
    before, ended, after = (
        dict(zip(names, values, strict=True))
        for values in (('50', '50', '0'), ('90', '80', '10'), ('30', '28', '2'))
    )
    assert started_again(ended, after)
    assert not started_again(before, ended)
    assert not started_again({}, after)
    with Spool(tmp_path / 'masks.part') as spool:
        run = LiveRun(matcher_for(spool), spool, before, after, node_earlier=(ended,))
        spool.close()
    assert node_counts(run) == {'received': 70, 'published': 58, 'superseded': 12}


def test_a_node_with_another_model_is_noticed(spool, make_model, tmp_path):
    model = read_model_file(make_model())
    matcher = matcher_for(spool, expects_truth=False)
    matcher.image(1, 0, frame)
    matcher.mask(1, 5, TRUTH)
    matcher.finish()
    spool.close()
    for sha256, noticed in ((model.sha256, 0), ('another', 1)):
        after = {'model': 'other.onnx', 'model_sha256': sha256}
        report = report_live(
            LiveRun(matcher, spool, {}, after), output=tmp_path, model=model, truth_labels=None,
            source={'kind': 'topics', 'name': 'image'}, mapping=None, boundary=False,
        )  # fmt: skip
        assert report['reasons'].get('the node ran another model: other.onnx', 0) == noticed


def search(limit_hz, *, start_hz, player_hz=1e9):
    """Search against a node that answers up to a rate, from a player with a limit of its own."""

    def probe(rate_hz):
        sent_hz = min(rate_hz, player_hz)
        masks = 1000 if sent_hz <= limit_hz else round(1000 * limit_hz / sent_hz)
        return Probe(rate_hz, sent_hz, 1000, masks)

    return search_rate(probe, start_hz=start_hz)


@pytest.mark.parametrize('start_hz', [1.0, 17.0, 300.0])
def test_finds_the_sustained_rate(start_hz):
    found, probes = search(20.0, start_hz=start_hz)
    # 5 % may be lost, so up to 21 Hz counts; the search ends within 5 % of that.
    assert 20.0 <= found * 1.05
    assert found <= 20.0 / 0.95 + 1e-9
    assert len(probes) <= MAX_PROBES
    assert all(probe.sustained for probe in probes if probe.rate_hz <= found)


def test_the_player_may_be_the_limit():
    found, probes = search(1e6, start_hz=100.0, player_hz=350.0)
    assert found == 350.0
    assert not probes[-1].reached


def test_a_node_that_answers_nothing_sustains_nothing():
    found, probes = search_rate(lambda hz: Probe(hz, hz, 30, 0), start_hz=1.0)
    assert found is None
    assert 1 <= len(probes) <= MAX_PROBES
    assert Probe(1.0, 0.0, 0, 0).lost == 1.0
