# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report, looked at in a real browser."""

import json
import math

from drawn import figures_of, legend, ticks
import pytest
from strict_html import assert_self_contained

from rtseg_ros.evaluation.report.html import page
from rtseg_ros.evaluation.report.plots import (
    FRAME,
    latency_histogram_svg,
    reliability_svg,
    timeline_svg,
)
from rtseg_ros.metrics.latency import LatencyHistogram, StageLatencies, Timeline


def test_the_page_is_well_formed_and_self_contained(report_folder):
    text = (report_folder / 'report.html').read_text()
    assert_self_contained(text)
    assert '<script' not in text
    assert '&lt;script&gt;alert(1)&lt;/script&gt;' in text


def test_report_json_has_the_keys_that_others_rely_on(report_folder):
    report = json.loads((report_folder / 'report.json').read_text())
    assert set(report['accounting']) == {
        'received', 'published', 'superseded', 'skipped', 'stale', 'rejected', 'failed',
    }  # fmt: skip
    assert report['accounting']['received'] == 8 == report['frames']
    assert sum(report['accounting'].values()) == 2 * 8
    assert set(report['iou']) == {'dark', 'blue', 'green', 'red'}
    for stage in ('preprocess', 'infer', 'upsample', 'total'):
        assert {'p50', 'p95', 'p99', 'max'} <= set(report['latency_ms'][stage])
    for key in ('miou', 'pixel_accuracy', 'fps'):
        assert isinstance(report[key], float)
    assert report['category_miou'] is None
    assert report['model']['sha256']
    assert report['machine']['cores'] >= 1
    assert report['versions']['numpy']


CONTRASTS = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const c = getComputedStyle(node).backgroundColor;
      if (!c.startsWith('color(') && parse(c)[3] !== 0) return parse(c);
      if (c.startsWith('color(')) return parse(c).slice(0, 3).map(v => v * 255);
    }
    return [255, 255, 255];
  };
  const worst = {};
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || node.tagName.toUpperCase() === 'STYLE') continue;
    const style = getComputedStyle(node);
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const a = light(parse(ink)), b = light(ground(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const key = node.tagName.toLowerCase() + '.' + (node.getAttribute('class') || '');
    worst[key] = Math.min(worst[key] || 99, ratio);
  }
  return worst;
})()
"""


def test_seen_by_a_browser(report_folder, chromium, tmp_path):
    """At desktop and phone width, in both colour schemes."""
    heights = {}
    for width, height in ((1280, 900), (390, 844)):
        for scheme in ('light', 'dark'):
            chromium.open(report_folder / 'report.html', width=width, height=height, scheme=scheme)
            assert chromium.complaints == []
            assert chromium.evaluate('document.documentElement.scrollWidth') == width
            heights[width] = chromium.evaluate('document.documentElement.scrollHeight')
            broken = '[...document.images].filter(i => !i.complete || !i.naturalWidth).length'
            assert chromium.evaluate('document.images.length') == 15
            assert chromium.evaluate(broken) == 0
            assert chromium.evaluate("document.querySelectorAll('svg').length") == 3
            dark = chromium.evaluate('getComputedStyle(document.body).backgroundColor')
            assert dark == ('rgb(15, 19, 24)' if scheme == 'dark' else 'rgb(246, 247, 249)')
            for name, ratio in chromium.evaluate(CONTRASTS).items():
                # WCAG AA asks 4.5 of text.
                assert ratio >= 4.5, f'{name} in the {scheme} scheme: contrast {ratio:.2f}'
            chromium.screenshot(tmp_path / f'{width}_{scheme}.png')
    assert heights[1280] < 5500
    assert heights[390] < 9000


def test_a_page_without_figures_opens(chromium, tmp_path):
    report = {
        'mode': 'live', 'complete': False, 'stopped_by': 'interrupted', 'frames': 0, 'fps': None,
        'accounting': {'received': 0, 'published': 0}, 'reasons': {}, 'latency_ms': {},
        'mapping': '', 'source': {}, 'model': {}, 'machine': {'processor': 'p'}, 'versions': {},
        'command': 'rtseg', 'created': '2026-01-01T00:00:00+00:00',
    }  # fmt: skip
    path = tmp_path / 'report.html'
    path.write_text(
        page(report, timeline=Timeline(), latencies=StageLatencies(), previews={}),
        encoding='utf-8',
    )
    chromium.open(path, width=390, height=844)
    assert chromium.complaints == []
    assert 'Ended early' in chromium.evaluate('document.body.innerText')


@pytest.mark.parametrize('values', [[5.0], [5.0] * 10, [0.01, 900.0], list(range(1, 500))])
def test_plots_of_any_times(values):
    histogram, timeline = LatencyHistogram(), Timeline()
    for index, value in enumerate(values):
        histogram.add(value)
        timeline.add(float(index), value if index % 3 else None)
    for svg in (
        latency_histogram_svg(histogram),
        timeline_svg(timeline.moments, x_label='frame'),
    ):
        assert svg.startswith('<svg')
        assert 'var(--accent)' in svg
        assert '#0101' not in svg


@pytest.mark.parametrize('count', [1, 2, 3, 400])
@pytest.mark.parametrize('x_label', [FRAME, 'time (s)'])
def test_axes_have_ticks_and_lines_names(count, x_label, monkeypatch):
    figures = figures_of(monkeypatch)
    histogram, timeline = LatencyHistogram(), Timeline()
    for index in range(count):
        histogram.add(5.0 + index % 2)
        timeline.add(float(index), 5.0 + index % 2)
    latency_histogram_svg(histogram)
    timeline_svg(timeline.moments, x_label=x_label)
    timeline.add(float(count), None)
    timeline_svg(timeline.moments, x_label=x_label)
    assert len(figures) == 3
    for figure in figures:
        for which in ('x', 'y'):
            assert len(ticks(figure.axes[0], which)) >= 2
    if x_label == FRAME:
        assert all(text.isdigit() for text in ticks(figures[1].axes[0], 'x'))
    assert legend(figures[2].axes[0]) == ['latency', 'no mask']


def test_plots_of_nothing_but_losses():
    timeline = Timeline()
    timeline.add(0.0, None)
    assert 'no mask' in timeline_svg(timeline.moments, x_label='frame')
    assert math.isnan(timeline.moments[0].latency_ms)
    curve = [{'pixels': 500, 'confidence': 0.9, 'accuracy': 0.8}]
    svg = reliability_svg({'before': curve, 'after': []})
    assert 'before' in svg
    assert 'perfect' in svg
