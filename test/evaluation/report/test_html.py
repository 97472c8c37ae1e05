# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names in a report come from bags, models and data sets of strangers: the page shows them."""

import pytest
from streets import street
from strict_html import assert_self_contained

from rtseg_ros.evaluation.recorder import Recorder
from rtseg_ros.evaluation.report.html import page
from rtseg_ros.evaluation.report.plots import reliability_svg, timeline_svg
from rtseg_ros.evaluation.report.report import report_from_recorder
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.metrics.latency import StageLatencies, Timeline

SCRIPT = '<script>alert(1)</script>'
OUT_OF_ATTRIBUTE = '"><img src=x onerror=alert(1)>'
OUT_OF_QUOTES = "' onmouseover='alert(1)"
ATTACKS = (SCRIPT, OUT_OF_ATTRIBUTE, OUT_OF_QUOTES)
CURVE = [{'pixels': 500, 'confidence': 0.9, 'accuracy': 0.8}]
PROBE = {'rate_hz': 20.0, 'sent_hz': 19.5, 'sent': 80, 'masks': 60, 'lost': 0.25}


def hostile_page(folder, attack: str, **more) -> str:
    """A page with every section, in which every word that is not our own is the attack."""
    names = tuple(f'{attack}{index}' for index in range(4))
    labels = LabelSet(attack, names, ((1, 2, 3),) * 4, categories=names)
    with Recorder(folder, Accuracy(align(labels, labels), labels)) as recorder:
        for index in range(3):
            frame, truth = street(index)
            recorder.published(
                f'{attack}{index}', prediction=truth % 4, time_s=float(index), frame=frame,
                truth=truth, timing_ms={attack: 1.0, 'total': 2.0},
            )  # fmt: skip
        recorder.dropped(attack, 'rejected', time_s=3.0, reason=attack)
    report = report_from_recorder(
        recorder,
        mode='live',
        source={'name': attack, 'image_topic': attack, attack: attack, 'topics': [attack]},
        model={'file': attack, 'network': attack, 'engine': attack, 'classes': list(names)},
        fps=10.0,
        mapping=attack,
        stopped_by=attack,
    )
    report |= {'live': {'sent': 4, 'sustained_hz': 9.0}, 'command': attack}
    report['machine'] = {'processor': attack, attack: attack}
    report['instance_iou'] = dict.fromkeys(names, 0.5)
    return page(
        report | more,
        timeline=recorder.timeline,
        latencies=recorder.latencies,
        previews={attack: recorder.previews.chosen()['worst']},
    )


@pytest.mark.parametrize('attack', ATTACKS)
def test_names_stay_text(attack, tmp_path):
    text = hostile_page(tmp_path, attack)
    assert attack not in text
    parser = assert_self_contained(text)
    assert all(link.startswith(('data:', '#')) for link in parser.links)
    # Class names stand in the table, twice in the matrix, in titles of its cells, and elsewhere.
    assert text.count('alert(1)') > 40


def test_scripts_in_plots_stay_text():
    timeline = Timeline()
    timeline.add(0.0, 1.0)
    for svg in (
        timeline_svg(timeline.moments, x_label=SCRIPT),
        reliability_svg({SCRIPT: CURVE, 'after': []}),
    ):
        assert '<script' not in svg
        assert '&lt;script&gt;' in svg


def test_a_live_report_with_and_without_a_search_of_the_rate(tmp_path):
    assert 'Search of the sustained rate' not in hostile_page(tmp_path / 'without', 'name')
    live = {'sent': 4, 'sustained_hz': 9.0, 'probes': [PROBE]}
    assert '19.50 Hz' in hostile_page(tmp_path / 'with', 'name', live=live)


def test_a_browser_runs_nothing_of_it(chromium, tmp_path):
    path = tmp_path / 'report.html'
    for attack in ATTACKS:
        path.write_text(hostile_page(tmp_path / 'figures', attack), encoding='utf-8')
        chromium.open(path, width=1280, height=900)
        assert chromium.complaints == []
        assert chromium.evaluate("document.querySelectorAll('script, [onerror]').length") == 0
        assert attack in chromium.evaluate('document.body.innerText')


def test_a_report_without_figures_has_a_page():
    report = {
        'mode': 'live', 'complete': False, 'stopped_by': 'interrupted', 'frames': 0, 'fps': None,
        'accounting': {'received': 0, 'published': 0}, 'reasons': {}, 'latency_ms': {},
        'mapping': '', 'source': {}, 'model': {}, 'machine': {'processor': 'p'}, 'versions': {},
        'command': 'rtseg', 'created': '2026-01-01T00:00:00+00:00',
    }  # fmt: skip
    text = page(report, timeline=Timeline(), latencies=StageLatencies(), previews={})
    assert_self_contained(text)
    assert 'Ended early (interrupted)' in text
    assert '<svg' not in text
