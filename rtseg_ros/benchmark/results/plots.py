# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the results: accuracy against speed, stages, and how cost grows."""

from collections.abc import Sequence
import math
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from rtseg_ros.benchmark.contenders.contender import OUR_WAYS, OURS
from rtseg_ros.benchmark.results.published import PUBLISHED
from rtseg_ros.benchmark.results.table import Row
from rtseg_ros.benchmark.scaling import Curve

_LEAST_MIOU_SPAN = 0.06
# Ticks of a logarithmic axis stand at 1, 2 and 5: two always lie in a span of this factor.
_LEAST_LOG_SPAN = 6.25
_MOST_INCHES = 15.0  # in height; more panels than that get further columns
_BLUE, _GREY = '#1f6fb2', '#8a8f98'
_OURS_COLORS = {'fp32': _BLUE, 'fp16': '#5b3f95', 'int8': '#c2318b'}
_STAGE_COLORS = {
    'decode': '#b07aa1', 'preprocess': '#f28e2b', 'transfer': '#9c755f', 'infer': '#4e79a7',
    'labels': '#59a14f', 'publish': '#e15759',
}  # fmt: skip
_STYLE: Any = {
    'font.size': 10,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': '#e3e5e8',
    'legend.frameon': False,
}


def scatter(rows: Sequence[Row], path: Path, *, device: str) -> bool:
    """Draw mIoU over frames per second, bubbles in proportion to the parameters.

    Left what was measured here, right what the papers print for the GPUs of their time.

    Returns:
        Whether there was anything measured to draw.
    """
    measured = [row for row in rows if row.miou is not None and row.fps is not None]
    if not measured:
        return False
    kinds = list(dict.fromkeys((row.contender, row.precision) for row in measured))
    with rc_context(_STYLE):
        figure = Figure(figsize=(12, 5), layout='constrained')
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        for number, (contender, precision) in enumerate(kinds):
            own = [row for row in measured if (row.contender, row.precision) == kinds[number]]
            left.scatter(
                [row.fps or 0 for row in own],
                [row.miou or 0 for row in own],
                s=[_area(row.parameters_m) for row in own],
                color=_OURS_COLORS[precision] if contender == OURS else f'C{(1 + number) % 10}',
                alpha=0.6, linewidth=0,
                label=f'{contender} {precision}' if contender in OUR_WAYS else contender,
            )  # fmt: skip
        fastest: dict[str, tuple[float, float]] = {}
        for row in measured:
            name, point = f'{row.network} {row.size}', (row.fps or 0, row.miou or 0)
            fastest[name] = max(point, fastest.get(name, point))
        for name, point in fastest.items():
            left.annotate(
                name, point, xytext=(12, 0), textcoords='offset points', va='center', fontsize=8
            )
        left.set_title(f'measured, {device}')
        figure.supxlabel('area of a circle: parameters of the network', fontsize=9, color='0.4')
        marks = left.legend(fontsize=8, loc='best', frameon=True).legend_handles
        for mark in marks:
            mark.set_sizes([40])  # type: ignore[union-attr]
        right.scatter(
            [item.fps for item in PUBLISHED],
            [item.miou for item in PUBLISHED],
            s=[_area(item.parameters_m) for item in PUBLISHED],
            color=_GREY, alpha=0.6, linewidth=0,
        )  # fmt: skip
        _name(
            right,
            [
                (
                    item.fps,
                    item.miou,
                    f'{item.network} {item.size_hw[0]}x{item.size_hw[1]}\n'
                    f'{item.gpu}, {item.split}',
                )
                for item in PUBLISHED
            ],
        )
        right.set_title('as published, Cityscapes')
        for axes in (left, right):
            axes.set_xlabel('frames per second')
            axes.set_ylabel('mIoU')
            axes.margins(0.25)
            axes.set_xlim(0, 1.15 * axes.get_xlim()[1])
            # A small difference must not look like a large one.
            low, high = axes.get_ylim()
            spare = max(0.0, _LEAST_MIOU_SPAN - (high - low)) / 2
            axes.set_ylim(low - spare, high + spare)
        figure.savefig(path, dpi=130)
    return True


def stage_bars(bars: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Draw a panel per network and size, in it a horizontal bar per contender of its stages in ms.

    Args:
        bars: By title of the panel, name of the bar and stage.
        path: File to write.
    """
    columns = 1
    while (height := sum(_row_inches(bars, columns))) > _MOST_INCHES and columns < len(bars):
        columns += 1
    rows = _row_inches(bars, columns)
    with rc_context(_STYLE):
        size = (9 if columns == 1 else 5 * columns, 1 + height)
        figure = Figure(figsize=size, layout='constrained')
        grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=rows).ravel()
        for axes in grid[len(bars) :]:
            axes.remove()
        for axes, (title, panel) in zip(grid, bars.items(), strict=False):
            _bars(axes, panel)
            axes.set_title(title, loc='left', fontsize=10)
        figure.supxlabel('median time of a frame (ms)', fontsize=10)
        used = {stage for panel in bars.values() for stages in panel.values() for stage in stages}
        colors = {stage: color for stage, color in _STAGE_COLORS.items() if stage in used}
        patches = [Patch(color=color, label=stage) for stage, color in colors.items()]
        figure.legend(handles=patches, loc='outside upper center', ncols=len(colors), fontsize=9)
        figure.savefig(path, dpi=110)


def _row_inches(bars: dict[str, dict[str, dict[str, float]]], columns: int) -> list[float]:
    """Return the height of each row of panels: that of the panel with the most bars."""
    inches = [0.8 + 0.3 * len(panel) for panel in bars.values()]
    return [max(inches[start : start + columns]) for start in range(0, len(inches), columns)]


def _bars(axes: Axes, panel: dict[str, dict[str, float]]) -> None:
    names = list(panel)[::-1]
    starts = dict.fromkeys(names, 0.0)
    for stage, color in _STAGE_COLORS.items():
        widths = [panel[name].get(stage, 0.0) for name in names]
        axes.barh(names, widths, left=list(starts.values()), color=color, height=0.7)
        for name, width in zip(names, widths, strict=True):
            starts[name] += width
    for place, name in enumerate(names):
        axes.text(starts[name], place, f' {starts[name]:.1f}', va='center', fontsize=9)
    axes.grid(visible=False, axis='y')
    axes.margins(x=0.08)


def scaling_curves(curves: Sequence[Curve], path: Path) -> None:
    """Draw time and memory over frame size, classes and cameras."""
    by_name = {curve.name: curve for curve in curves}
    columns = (
        ('frame size', ('frame size',)),
        ('classes', ('classes',)),
        ('cameras', ('cameras, one process each', 'cameras, one process')),
    )
    with rc_context(_STYLE):
        figure = Figure(figsize=(12, 6.4), layout='constrained')
        grid = figure.subplots(2, 3)
        for column, (title, names) in enumerate(columns):
            above, below = grid[0, column], grid[1, column]
            for name, color in zip(names, (_BLUE, _GREY), strict=False):
                points = by_name[name].points
                xs = [point.x for point in points]
                label = 'total' if len(names) == 1 else name
                _line(above, xs, [point.total_ms for point in points], label, color)
                for stage in ('preprocess', 'infer', 'labels'):
                    if all(stage in point.stages_ms for point in points):
                        times = [point.stages_ms[stage] for point in points]
                        _line(above, xs, times, stage, _STAGE_COLORS[stage], '--')
                _line(below, xs, [point.memory_mib for point in points], label, color)
            above.set_title(title)
            above.set_ylabel('time (ms)')
            _log_ticks(above)
            above.legend(fontsize=8)
            below.set_ylabel('peak memory (MiB)')
            below.set_ylim(0, 1.1 * below.dataLim.y1)
            if len(names) > 1:
                below.legend(fontsize=8)
            for axes in (above, below):
                axes.set_xscale('log')
                axes.set_xlabel(by_name[names[0]].unit)
                axes.set_xticks(xs, [f'{x:.3g}' for x in xs], fontsize=8)
                axes.minorticks_off()
        figure.savefig(path, dpi=130)


def _log_ticks(axes: Axes) -> None:
    """Make the y axis logarithmic, with at least two ticks that are written as numbers."""
    axes.set_yscale('log')
    low, high = axes.get_ylim()
    spare = max(1.0, math.sqrt(_LEAST_LOG_SPAN / (high / low)))
    axes.set_ylim(low / spare, high * spare)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))


def _area(parameters_m: float) -> float:
    return 60 * parameters_m + 20


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write names beside points, above and below in turn from left to right."""
    for number, (x, y, text) in enumerate(sorted(points)):
        above = number % 2 == 0
        axes.annotate(
            text, (x, y), xytext=(0, 12 if above else -12), textcoords='offset points',
            ha='center', va='bottom' if above else 'top', fontsize=8,
        )  # fmt: skip


def _line(
    axes: Axes, xs: list[float], ys: list[float], label: str, color: str, style: str = '-'
) -> None:
    axes.plot(xs, ys, style, color=color, marker='o', markersize=4, label=label)
