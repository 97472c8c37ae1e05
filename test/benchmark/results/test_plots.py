# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the results: readable axes, legends where lines need them, a bounded height."""

import cv2
from drawn import figures_of, legend, ticks
import pytest

from rtseg_ros.benchmark.results.plots import scaling_curves, stage_bars
from rtseg_ros.benchmark.scaling import Curve, Point

PANEL = {
    name: {'preprocess': 1.0, 'infer': 20.0, 'labels': 3.0}
    for name in ('torch', 'onnxruntime', 'rtseg fp32')
}


@pytest.mark.parametrize('count', [1, 4, 23, 60])
def test_many_panels_get_columns_instead_of_height(count, tmp_path, monkeypatch):
    figures = figures_of(monkeypatch)
    path = tmp_path / 'stages.png'
    stage_bars({f'network {index}': PANEL for index in range(count)}, path)
    height, width = cv2.imread(str(path)).shape[:2]
    assert height < 1800
    assert height / width < 2
    (figure,) = figures
    assert [axes.get_title('left') for axes in figure.axes] == [
        f'network {index}' for index in range(count)
    ]
    assert all(len(ticks(axes, 'x')) >= 2 for axes in figure.axes)
    assert legend(figure) == ['preprocess', 'infer', 'labels']


@pytest.mark.parametrize('times', [(75.0, 76.0, 77.0), (40.0, 90.0, 95.0), (0.02, 3.0, 900.0)])
def test_every_axis_of_the_curves_has_ticks_and_what_has_lines_a_legend(
    times, tmp_path, monkeypatch
):
    figures = figures_of(monkeypatch)
    points = [
        Point(x=x, total_ms=ms, stages_ms={'infer': ms / 2}, memory_mib=300.0 + ms, fps=1.0)
        for x, ms in zip((1.0, 2.0, 4.0), times, strict=True)
    ]
    names = ('frame size', 'classes', 'cameras, one process each', 'cameras, one process')
    scaling_curves([Curve(name, 'unit', points) for name in names], tmp_path / 'scaling.png')
    (figure,) = figures
    for axes in figure.axes:
        assert len(ticks(axes, 'x')) == 3
        assert len(ticks(axes, 'y')) >= 2, axes.get_title()
        assert all('$' not in text for text in ticks(axes, 'y'))
        if len(axes.lines) > 1:
            assert len(legend(axes)) == len(axes.lines)
        low, high = axes.get_ylim()
        for line in axes.lines:
            assert low < min(line.get_ydata())
            assert max(line.get_ydata()) < high
    assert legend(figure.axes[0]) == ['total', 'infer']
