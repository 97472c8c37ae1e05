# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page of a comparison: what is beyond noise stands out, and names stay text."""

import pytest
from strict_html import assert_self_contained

from rtseg_ros.evaluation.compare import Change, Comparison
from rtseg_ros.evaluation.report.comparison_page import comparison_page, write_comparison

SCRIPT = '<script>alert(1)</script>'
CHANGES = (
    Change('mIoU', '%', 0.5, 0.6, (0.05, 0.15), 'better'),
    Change('road', '%', 0.5, 0.49, (-0.2, 0.1), 'same'),
    Change('car', '%', None, 0.5, None, ''),
    Change('latency p50', 'ms', 10.0, 12.5, (2.0, 3.0), 'worse'),
    Change('masks per second', '1/s', 20.0, 18.0, None, ''),
)


def page_of(*changes, notes=('measure twice',), reports=('a', 'b'), subjects=('x', 'y')):
    return comparison_page(Comparison(changes, notes, reports, subjects))


def test_what_is_beyond_noise_comes_first():
    text = page_of(*CHANGES)
    assert_self_contained(text)
    beyond, everything = text.split('<h2>All figures</h2>')
    assert '+10.00 points' in beyond
    assert '+2.50 ms' in beyond
    assert 'road' not in beyond
    for words in ('-1.00 points', '50.00 %', '-20.00 to +10.00', '-2.00 /s', 'measure twice'):
        assert words in everything, words


def test_intervals_of_one_unit_have_one_scale():
    text = page_of(*CHANGES)
    # The widest bound of '%' is 0.2: 0.05..0.15 begins a quarter to the right of the middle.
    assert 'left:62.5%;width:25.0%' in text
    assert 'left:0.0%;width:75.0%' in text
    assert 'left:83.3%;width:16.7%' in text
    assert text.count('class="span"><div>') == 3


def test_it_says_when_nothing_changed_and_when_nobody_knows():
    same = Change('mIoU', '%', 0.5, 0.5, (0.0, 0.0), 'same')
    assert 'Nothing changed beyond noise' in page_of(same)
    assert 'cannot be said' in page_of(CHANGES[-1])
    assert_self_contained(page_of())


def test_names_stay_text(tmp_path):
    comparison = Comparison(
        (Change(SCRIPT, '%', 0.5, 0.6, (0.05, 0.15), 'better'),), (SCRIPT,),
        (SCRIPT, SCRIPT), (SCRIPT, SCRIPT),
    )  # fmt: skip
    path = write_comparison(tmp_path / 'new' / 'folder', comparison)
    text = path.read_text(encoding='utf-8')
    assert '<script' not in text
    assert text.count('&lt;script&gt;') == 7
    assert_self_contained(text)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_seen_by_a_browser(chromium, tmp_path, scheme):
    path = write_comparison(tmp_path, Comparison(CHANGES, ('note',), ('a', 'b'), ('x', 'y')))
    for width in (390, 1280):
        chromium.open(path, width=width, height=844, scheme=scheme)
        assert chromium.complaints == []
        assert chromium.evaluate('document.documentElement.scrollWidth') == width
        arrow = chromium.evaluate(
            "document.querySelector('.edge > *').getBoundingClientRect().width"
        )
        assert (arrow > 0) == (width == 390)
