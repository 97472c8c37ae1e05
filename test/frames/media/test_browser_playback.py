# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is written is what browsers play: a real Chromium plays it to the end."""

import time

import browser
import numpy as np
import pytest

from rtseg_ros.frames.media.video_writer import VideoWriter

PAGE = '<!doctype html><meta charset="utf-8"><video id="v" src="{name}" muted></video>'
STATE = """(v => ({
  ended: v.ended, wide: v.videoWidth, high: v.videoHeight, length: v.duration,
  error: v.error ? v.error.message : '' }))(document.getElementById('v'))"""


def played(folder, name, seconds=40):
    """State of the video after it was played, or could not be."""
    program = browser.find()
    if program is None:
        pytest.skip('no Chromium is installed')
    (folder / 'page.html').write_text(PAGE.format(name=name))
    page = browser.Browser(program, folder / 'profile')
    try:
        page.open(folder / 'page.html', width=400, height=300)
        page.evaluate("document.getElementById('v').play().catch(() => 0), 0")
        end = time.monotonic() + seconds
        while True:
            state = page.evaluate(STATE)
            if state['ended'] or state['error'] or time.monotonic() > end:
                return state
            time.sleep(0.2)
    finally:
        page.close()


def write(path, codec='auto'):
    writer = VideoWriter(path, rate_hz=20, codec=codec)
    for index in range(30):
        frame = np.full((90, 161, 3), 60, np.uint8)
        frame[:, 5 * index : 5 * index + 20] = (30, 80, 220)
        writer.add(frame, index / 20)
    assert writer.close() is not None


@pytest.mark.browser
@pytest.mark.parametrize(
    ('name', 'codec'), [('a.mp4', 'auto'), ('a.webm', 'auto'), ('b.mp4', 'av1')]
)
def test_chromium_plays_it_to_the_end(tmp_path, name, codec):
    pytest.importorskip('av', reason='PyAV is not installed')
    write(tmp_path / name, codec)
    state = played(tmp_path, name)
    assert state['ended'], state
    assert (state['wide'], state['high']) == (162, 90)
    assert state['length'] == pytest.approx(1.5, abs=0.1)


@pytest.mark.browser
def test_chromium_does_not_play_the_fallback(tmp_path, monkeypatch):
    """Else its warning would be wrong."""
    monkeypatch.setattr('rtseg_ros.frames.media.video_writer.encoder_name', lambda codec: '')
    write(tmp_path / 'a.mp4')
    state = played(tmp_path, 'a.mp4', seconds=10)
    assert not state['ended']
    assert state['wide'] == 0
