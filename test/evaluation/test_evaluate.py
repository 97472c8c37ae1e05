# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Offline evaluation of a model whose every answer is known."""

from collections import Counter
import json

import numpy as np
import pytest
from streets import TINY, street, write_dataset

from rtseg_ros.errors import BagError, EvaluationError
from rtseg_ros.evaluation.evaluate import evaluate
from rtseg_ros.evaluation.report.report import report_from_recorder, segmenter_facts, write_report
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.frames.sources import DatasetSource, Item
from rtseg_ros.labels import CAMVID
from rtseg_ros.runtime import load_segmenter


class ListSource:
    """Items given beforehand; an exception among them is raised."""

    labels = TINY

    def __init__(self, items):
        self.items, self.problems = items, Counter()

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            yield item

    def facts(self):
        return {'kind': 'list', 'name': 'list', 'frames': len(self.items)}


def item(name, frame, truth, continues=False):
    return Item(name, None, continues, lambda: frame, lambda: truth, lambda: None)


def failing(error):
    def read():
        raise error

    return read


def lines_of(folder):
    return [json.loads(line) for line in (folder / 'frames.jsonl').read_text().splitlines()]


@pytest.fixture(scope='module')
def segmenter(make_model):
    segmenter = load_segmenter(make_model('fine', stride=1))
    yield segmenter
    segmenter.close()


def test_figures_are_those_of_the_hand_worked_frames(segmenter, dataset, tmp_path):
    outcome = evaluate(segmenter, DatasetSource(dataset), output=tmp_path / 'out')
    figures = outcome.recorder.accuracy.figures()
    # The model finds the blocks exactly. Of 44 labelled rows, frames 0..5 have 0, 8, 16, 24, 32,
    # 0 rows of 16 pixels labelled red that are dark; those below row 24 are green instead.
    wrong_dark, wrong_green = 16 * (0 + 8 + 16 + 24 + 24 + 0), 16 * 8
    red, dark = 6 * 20 * 32, 6 * 24 * 32 - wrong_dark
    assert figures['iou']['dark'] == pytest.approx(dark / (dark + wrong_dark))
    assert figures['iou']['red'] == pytest.approx(red / (red + wrong_dark + wrong_green))
    assert figures['iou']['blue'] == 1
    pixels = 6 * 44 * 64
    assert figures['pixel_accuracy'] == pytest.approx((pixels - wrong_dark - wrong_green) / pixels)
    assert figures['consecutive_pairs'] == 5
    assert figures['temporal_stability'] == 1
    assert figures['category_miou'] is None
    assert outcome.stopped_by == ''
    assert outcome.error is None


def test_frames_jsonl_has_a_line_for_every_frame(segmenter, dataset, tmp_path):
    counts = []
    outcome = evaluate(
        segmenter, DatasetSource(dataset), output=tmp_path / 'out', progress=counts.append
    )
    lines = lines_of(tmp_path / 'out')
    assert [line['frame'] for line in lines] == [f'S_{i:03}' for i in range(6)]
    assert [line['index'] for line in lines] == list(range(6)) == [c - 1 for c in counts]
    intersection = np.array([line['intersection'] for line in lines]).sum(axis=0)
    assert (intersection == outcome.recorder.accuracy.matrix.counts.diagonal()).all()
    assert lines[0]['miou'] == 1
    assert lines[0]['latency_ms']['total'] > 0
    assert not (tmp_path / 'out' / 'frames.jsonl.part').exists()


def test_a_bad_frame_is_counted_and_the_rest_goes_on(segmenter, tmp_path):
    frame, truth = street(0)
    source = ListSource(
        [
            item('good', frame, truth),
            Item('gone', None, False, failing(BagError('gone')), lambda: None, lambda: None),
            item('gray', frame[..., 0], truth),
            Item('no truth', None, False, lambda: frame, failing(BagError('bad')), lambda: None),
            item('small truth', frame, truth[:10]),
            item('unlabelled', frame, None),
        ]
    )
    outcome = evaluate(segmenter, source, output=tmp_path)
    assert outcome.recorder.accounting() == {
        'received': 6, 'published': 4, 'superseded': 0, 'skipped': 0, 'stale': 0,
        'rejected': 2, 'failed': 0,
    }  # fmt: skip
    reasons = outcome.recorder.reasons
    assert reasons['rejected: gone'] == 1
    assert any('uint8 (48, 64)' in reason for reason in reasons)
    assert reasons['ground truth not used: bad'] == 1
    assert reasons['ground truth not used: it is 64x10, the frame 64x48'] == 1
    assert outcome.recorder.accuracy.frames == 1
    assert [line['outcome'] for line in lines_of(tmp_path)].count('rejected') == 2


def test_pictures_of_stamped_frames_know_their_seconds_from_the_first(segmenter, tmp_path):
    start_ns = 1_700_000_000_000_000_000
    items = [
        Item(name, stamp_ns, False, failing(BagError('gone')), lambda: None, lambda: None)
        for name, stamp_ns in (('unstamped', 0), ('first', start_ns))
    ]
    for index in (2, 0):  # the fewer wrong labels, the better
        frame, truth = street(index)
        stamp_ns = start_ns + 12_500_000_000 - index * 1_000_000_000
        items.append(
            Item(
                f'{index}', stamp_ns, False,
                lambda frame=frame: frame, lambda truth=truth: truth, lambda: None,
            )
        )  # fmt: skip
    previews = evaluate(segmenter, ListSource(items), output=tmp_path).recorder.previews.chosen()
    assert previews['worst'].since_start_s == 10.5
    assert previews['best'].since_start_s == 12.5
    unstamped = evaluate(segmenter, ListSource([item('x', *street(0))]), output=tmp_path)
    assert unstamped.recorder.previews.chosen()['worst'].since_start_s is None


def test_a_bad_frame_breaks_the_sequence(segmenter, tmp_path):
    """The mask before it is not that of the frame before the next one."""
    frame, truth = street(0)
    bad = Item('bad', None, True, failing(BagError('bad')), lambda: None, lambda: None)
    source = ListSource(
        [
            item('a', frame, truth),
            item('b', frame, truth, continues=True),
            bad,
            item('c', frame, truth, continues=True),
            item('d', frame, truth, continues=True),
        ]
    )
    outcome = evaluate(segmenter, source, output=tmp_path)
    assert outcome.recorder.accuracy.figures()['consecutive_pairs'] == 2


def test_a_failing_engine_is_counted(make_model, tmp_path):
    segmenter = load_segmenter(make_model('poisoned', poison=True))
    frame, truth = street(0)
    poisoned = frame.copy()
    poisoned[0, 0] = 77
    source = ListSource([item('a', frame, truth), item('b', poisoned, truth)])
    outcome = evaluate(segmenter, source, output=tmp_path)
    assert outcome.recorder.bins == {'published': 1, 'failed': 1}


@pytest.mark.parametrize(
    ('stop', 'text'), [(KeyboardInterrupt(), 'interrupted'), (BagError('cut off'), 'cut off')]
)
def test_an_early_end_keeps_what_was_done(segmenter, tmp_path, stop, text):
    frame, truth = street(0)
    source = ListSource([item('a', frame, truth), item('b', frame, truth), stop])
    outcome = evaluate(segmenter, source, output=tmp_path)
    assert outcome.stopped_by == text
    assert outcome.error is stop
    assert len(lines_of(tmp_path)) == 2
    assert outcome.recorder.accuracy.figures()['miou'] == 1
    report = make_report(outcome, segmenter, source)
    assert report['complete'] is False
    write_report(tmp_path, report, outcome.recorder)
    assert f'Ended early ({text})' in (tmp_path / 'report.html').read_text()


def make_report(outcome, segmenter, source):
    return report_from_recorder(
        outcome.recorder,
        mode='offline',
        source=source.facts(),
        model=segmenter_facts(segmenter),
        fps=None,
        mapping=outcome.mapping,
        stopped_by=outcome.stopped_by,
    )


def test_unknown_ids_are_counted_and_left_out(segmenter, tmp_path):
    frame, truth = street(0)
    truth[0, :7] = 17
    outcome = evaluate(segmenter, ListSource([item('a', frame, truth)]), output=tmp_path)
    accuracy = outcome.recorder.accuracy
    assert (accuracy.unknown_pixels, accuracy.unknown_frames) == (7, 1)
    assert accuracy.matrix.counts.sum() == 44 * 64 - 7


def test_without_any_truth_it_is_about_speed(segmenter, tmp_path):
    frame, _ = street(0)
    source = ListSource([item('a', frame, None)])
    outcome = evaluate(segmenter, source, output=tmp_path)
    report = make_report(outcome, segmenter, source)
    assert report['miou'] is None
    assert report['latency_ms']['total']['n'] == 1
    write_report(tmp_path, report, outcome.recorder)
    assert 'speed only' in (tmp_path / 'report.html').read_text()


def test_ground_truth_without_names_is_taken_for_the_models_classes(segmenter, tmp_path):
    source = ListSource([item('a', *street(0))])
    source.labels = None
    outcome = evaluate(segmenter, source, output=tmp_path)
    assert outcome.recorder.accuracy.figures()['miou'] == 1
    assert any("model's classes" in reason for reason in outcome.recorder.reasons)


def test_other_classes_need_a_mapping(segmenter, tmp_path):
    source = ListSource([])
    source.labels = CAMVID
    with pytest.raises(EvaluationError, match='mapping'):
        evaluate(segmenter, source, output=tmp_path)


def test_an_empty_source_gives_an_empty_report(segmenter, tmp_path):
    source = ListSource([])
    outcome = evaluate(segmenter, source, output=tmp_path)
    report = make_report(outcome, segmenter, source)
    write_report(tmp_path, report, outcome.recorder)
    text = (tmp_path / 'report.json').read_text()
    assert json.loads(text)['frames'] == 0
    assert 'NaN' not in text


def test_limit(segmenter, tmp_path):
    data = load_folder(write_dataset(tmp_path / 'data'), 'val', label_set=TINY)
    outcome = evaluate(segmenter, DatasetSource(data), output=tmp_path / 'out', limit=2)
    assert outcome.recorder.accounting()['received'] == 2
    assert outcome.stopped_by == ''
