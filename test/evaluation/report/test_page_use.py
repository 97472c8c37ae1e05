# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page in the hands of its reader: narrow windows, enlarging, frames with a time."""

import re

import pytest
from streets import TINY, street

from rtseg_ros.evaluation.previews import Previews
from rtseg_ros.evaluation.report.html import _breakable
from rtseg_ros.evaluation.report.pictures import shown_frames

# Of each table: whether columns are hidden on the right, and how wide the arrow is that says so
# within what is seen of it.
TABLES = """
[...document.querySelectorAll('table')].map(table => {
  const scroll = table.closest('.scroll');
  if (!scroll) {
    return [table.getBoundingClientRect().right > innerWidth, 0];
  }
  const seen = scroll.getBoundingClientRect();
  const arrow = scroll.querySelector('.edge > *').getBoundingClientRect();
  const end = scroll.querySelector('.edge').getBoundingClientRect().right;
  const width = Math.min(arrow.right, seen.right) - Math.max(arrow.left, seen.left);
  const covered = arrow.right > end - 1;
  return [table.getBoundingClientRect().right > seen.right + 1, covered ? 0 : width];
})
"""
SCROLL = "document.querySelectorAll('.scroll').forEach(s => s.scrollLeft = {})"
IMAGE = """
(() => {
  const box = document.images[0].getBoundingClientRect();
  return [box.x, box.y, box.width, box.height].map(Math.round);
})()
"""


@pytest.mark.parametrize('width', [320, 390, 640, 1280])
def test_no_column_is_hidden_without_an_arrow(report_folder, chromium, width):
    chromium.open(report_folder / 'report.html', width=width, height=844)
    tables = chromium.evaluate(TABLES)
    assert len(tables) == 5
    for hidden, arrow in tables:
        assert arrow == pytest.approx(30 if hidden else 0, abs=1)
    if width in (320, 1280):
        assert any(hidden for hidden, _ in tables) == (width == 320)
    chromium.evaluate(SCROLL.format(9999))
    assert chromium.evaluate(TABLES) == [[False, 0]] * 5
    assert chromium.evaluate('document.documentElement.scrollWidth') == width


def test_the_pictures_have_a_key_of_their_colours(report_folder):
    text = (report_folder / 'report.html').read_text()
    frames = text[text.index('<h2>Frames</h2>') : text.index('<img')]
    found = re.findall(r'background:rgb\((.*?)\)"></i>(.*?)</span>', frames)
    expected = zip(TINY.colors, TINY.names, strict=True)
    assert found == [(', '.join(map(str, color)), name) for color, name in expected]


def test_a_title_breaks_behind_underscores_and_stays_text():
    assert _breakable('a_b/c<i>') == 'a_<wbr>b/<wbr>c&lt;i&gt;'


def test_a_picture_fills_the_window_when_clicked(report_folder, chromium):
    chromium.open(report_folder / 'report.html', width=1280, height=900)
    chromium.evaluate("document.images[0].scrollIntoView({block: 'center'})")
    x, y, width, height = before = chromium.evaluate(IMAGE)
    assert width < 700
    chromium.click(x + width / 2, y + height / 2)
    assert chromium.evaluate(IMAGE) == [0, 0, 1280, 900]
    chromium.click(20, 20)
    assert chromium.evaluate(IMAGE) == before


def test_a_picture_is_enlarged_from_the_keyboard(report_folder, chromium):
    chromium.open(report_folder / 'report.html', width=1280, height=900)
    chromium.evaluate("document.querySelector('.zoom input').focus()")
    for kind in ('keyDown', 'keyUp'):
        chromium.call('Input.dispatchKeyEvent', type=kind, key=' ', code='Space', text=' ')
    assert chromium.evaluate(IMAGE) == [0, 0, 1280, 900]


def shown(since_start_s):
    previews = Previews()
    frame, truth = street(0)
    previews.offer('1700000012.345', 0.5, frame, truth, truth, since_start_s=since_start_s)
    return shown_frames(previews.chosen(), TINY)


def test_the_overlay_comes_first():
    (frame,) = shown(None)
    captions = [caption for caption, _ in frame.pictures]
    assert captions == [
        'prediction over the frame', 'frame', 'prediction', 'truth', 'errors, red',
    ]  # fmt: skip
    assert len({data for _, data in frame.pictures}) >= 4


def test_frames_are_named_by_seconds_only_where_they_have_stamps():
    assert [frame.when for frame in shown(12.345)] == ['12.3 s']
    assert [frame.when for frame in shown(0.0)] == ['0.0 s']
    assert [frame.when for frame in shown(None)] == ['']
