# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plots of the report as SVG that takes its colours from the page."""

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
import numpy as np

from rtseg_ros.metrics.latency import LatencyHistogram, Moment

# Drawn in these colours, replaced by the page's own, so that one plot suits both schemes.
_TEXT, _GRID, _ACCENT, _WARN, _SOFT = '#010101', '#020202', '#030303', '#040404', '#050505'
_VARIABLES = {
    _TEXT: 'var(--muted)',
    _GRID: 'var(--line)',
    _ACCENT: 'var(--accent)',
    _WARN: 'var(--warn)',
    _SOFT: 'var(--soft)',
}
FRAME = 'frame'  # what the x axis counts where there are no times
_STYLE: Any = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'rtseg_ros',
    'font.size': 11,
    'text.color': _TEXT,
    'axes.labelcolor': _TEXT,
    'axes.edgecolor': _GRID,
    'axes.grid': True,
    'axes.grid.axis': 'y',
    'axes.axisbelow': True,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.spines.left': False,
    'grid.color': _GRID,
    'xtick.color': _GRID,
    'ytick.color': _GRID,
    'xtick.labelcolor': _TEXT,
    'ytick.labelcolor': _TEXT,
    'ytick.left': False,
    'legend.frameon': False,
}


def latency_histogram_svg(histogram: LatencyHistogram) -> str:
    """Draw how often each latency occurred, with p50 and p99 marked."""
    edges, counts = histogram.bars()
    with rc_context(_STYLE):
        figure, axes = _figure(5.0, 2.9)
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align='edge', color=_ACCENT)
        # On two levels, because the two may lie close together.
        for percent, height in ((50, 1.02), (99, 1.1)):
            value = histogram.percentile(percent)
            axes.axvline(value, color=_TEXT, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(
                value, height, f'p{percent} {value:.1f}', transform=axes.get_xaxis_transform(),
                ha='center', va='bottom', fontsize=10,
            )  # fmt: skip
        axes.set_xlabel('latency (ms), slower frames in the last bar')
        axes.set_ylabel('frames')
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure, 'histogram')


def timeline_svg(moments: list[Moment], *, x_label: str) -> str:
    """Draw latency over time; frames without a mask are marked below the axis' zero.

    Args:
        moments: At least one.
        x_label: ``FRAME`` where frames were counted, else what their times are.
    """
    times = np.array([moment.time_s for moment in moments])
    latencies = np.array([moment.latency_ms for moment in moments])
    lost = np.array([moment.lost for moment in moments])
    with rc_context(_STYLE):
        figure, axes = _figure(5.0, 2.9)
        alone = len(times) < 200
        axes.plot(
            times, latencies, color=_ACCENT, linewidth=1.4,
            marker='o' if alone else '', markersize=2.5, label='latency',
        )  # fmt: skip
        top = float(np.nanmax(latencies)) * 1.1 if np.isfinite(latencies).any() else 1.0
        axes.set_ylim(-0.08 * top if lost.any() else 0, top)
        if lost.any():
            gone = np.flatnonzero(lost)
            axes.plot(
                times[gone], np.full(len(gone), -0.04 * top), linestyle='', marker='|',
                color=_WARN, markersize=9, markeredgewidth=1.6, label='no mask',
            )  # fmt: skip
            axes.legend(loc='lower right', bbox_to_anchor=(1, 1), ncols=2, fontsize=10)
        # Of a single frame, too, the axis has more than one tick.
        spare = 0.02 * max(np.ptp(times), 1.0)
        axes.set_xlim(times[0] - spare, max(times[-1], times[0] + 1) + spare)
        if x_label == FRAME:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(x_label)
        axes.set_ylabel('latency (ms)')
        return _svg(figure, 'timeline')


def reliability_svg(curves: dict[str, list[dict[str, float]]]) -> str:
    """Draw accuracy over confidence for each named curve; the diagonal is perfect."""
    with rc_context(_STYLE):
        figure, axes = _figure(4.2, 3.6)
        axes.plot([0, 1], [0, 1], color=_TEXT, linewidth=1, linestyle=(0, (4, 3)), label='perfect')
        for (name, curve), color in zip(curves.items(), (_WARN, _ACCENT), strict=False):
            axes.plot(
                [point['confidence'] for point in curve],
                [point['accuracy'] for point in curve],
                color=color, marker='o', markersize=4, linewidth=1.4, label=name,
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel('confidence')
        axes.set_ylabel('share that is right')
        axes.legend(loc='upper left', fontsize=10)
        return _svg(figure, 'reliability')


def shares_svg(edges: np.ndarray, counts: np.ndarray, *, x_label: str, name: str) -> str:
    """Draw a histogram of figures between 0 and 1.

    Args:
        edges: (N + 1,) of the bars.
        counts: (N,) frames.
        x_label: What the figure is.
        name: Of the plot; no two of a page have the same.
    """
    with rc_context(_STYLE):
        figure, axes = _figure(5.0, 2.9)
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align='edge', color=_ACCENT)
        axes.set_xlabel(x_label)
        axes.set_ylabel('frames')
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure, name)


def trend_svg(days: list[str], curves: dict[str, list[float | None]]) -> str:
    """Draw figures between 0 and 1 over days, in per cent.

    Args:
        days: In order.
        curves: Up to three named figures, one value per day; None where there is none.
    """
    with rc_context(_STYLE):
        figure, axes = _figure(5.0, 2.9)
        for (name, values), color in zip(curves.items(), (_ACCENT, _WARN, _TEXT), strict=False):
            shown = [np.nan if value is None else 100 * value for value in values]
            axes.plot(days, shown, color=color, marker='o', markersize=4, label=name)
        axes.set_ylabel('%')
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.tick_params(axis='x', labelrotation=25)
        axes.legend(loc='lower right', bbox_to_anchor=(1, 1), ncols=3, fontsize=10)
        return _svg(figure, 'trend')


def _figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width_in, height_in), layout='constrained')
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()


def _svg(figure: Figure, prefix: str) -> str:
    """Return the figure as an <svg> element whose ids start with the prefix."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format='svg', transparent=True, metadata={'Date': None, 'Creator': None}
    )
    text = buffer.getvalue()
    text = text[text.index('<svg') :]
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="|url\()#', rf'\g<1>#{prefix}-', text)
    text = re.sub(r'(font: [\d.]+px) [^;\"]+', r'\1 system-ui, sans-serif', text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    return text.strip()
