# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture of a soak."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('matplotlib', reason='matplotlib is not installed')

from rtseg_ros.harness.soak import Moment
from rtseg_ros.harness.soak_plot import draw

HISTORY = (Moment(0.0, None, None, 100.0), Moment(60.0, 20.0, 30.0, 110.0))


def test_the_picture_has_the_words_and_lines(tmp_path):
    """Text in SVG is drawn as glyphs; the axes' ids and the lines are there."""
    draw(HISTORY, tmp_path / 'soak.svg')
    text = (tmp_path / 'soak.svg').read_text()
    assert text.count('id="axes_') == 2
    assert '<!-- age of masks, ms -->' in text
    assert '<!-- memory of the node, MiB -->' in text
    draw(HISTORY, tmp_path / 'soak.png')
    assert (tmp_path / 'soak.png').read_bytes().startswith(b'\x89PNG')


def test_another_format_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match='soak'):
        draw(HISTORY, tmp_path / 'x.soak')
    assert not list(tmp_path.iterdir())
