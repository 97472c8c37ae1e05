"""Pictures of the results: accuracy against speed, stages, and how cost grows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rtseg_ros.benchmark.contender import OURS
from rtseg_ros.benchmark.published import PUBLISHED
from rtseg_ros.benchmark.scaling import Curve
from rtseg_ros.benchmark.table import Row

_BLUE, _GREY = '#1f6fb2', '#8a8f98'
_STAGE_COLORS = {
    'wait': '#d9d9d9', 'decode': '#b07aa1', 'preprocess': '#f28e2b', 'transfer': '#9c755f',
    'infer': '#4e79a7', 'labels': '#59a14f', 'upsample': '#59a14f', 'publish': '#e15759',
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
    with rc_context(_STYLE):
        figure = Figure(figsize=(11, 4.6), layout='constrained')
        left, right = figure.subplots(1, 2)
        for row in measured:
            assert row.fps is not None
            assert row.miou is not None
            ours = row.contender == OURS
            name = f'{row.contender} {row.precision}' if ours else row.contender
            _bubble(
                left, row.fps, row.miou, row.parameters_m, f'{row.network} {row.size}\n{name}',
                color=_BLUE if ours else _GREY,
            )  # fmt: skip
        left.set_title(f'measured, {device}')
        for item in PUBLISHED:
            size = f'{item.size_hw[0]}x{item.size_hw[1]}'
            _bubble(
                right, item.fps, item.miou, item.parameters_m,
                f'{item.network} {size}\n{item.gpu}, {item.split}', color=_GREY,
            )  # fmt: skip
        right.set_title('as published, Cityscapes')
        for axes in (left, right):
            axes.set_xlabel('frames per second')
            axes.set_ylabel('mIoU')
            axes.margins(0.2)
        figure.savefig(path, dpi=130)
    return True


def stage_bars(bars: dict[str, dict[str, float]], path: Path) -> None:
    """Draw one horizontal bar per name, made of its stages in ms."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(9, 1.2 + 0.42 * len(bars)), layout='constrained')
        axes = figure.subplots()
        names = list(bars)[::-1]
        starts = dict.fromkeys(names, 0.0)
        stages = [stage for stage in _STAGE_COLORS if any(stage in bars[name] for name in names)]
        for stage in stages:
            widths = [bars[name].get(stage, 0.0) for name in names]
            axes.barh(
                names, widths, left=[starts[name] for name in names], label=stage,
                color=_STAGE_COLORS[stage], height=0.7,
            )  # fmt: skip
            for name, width in zip(names, widths, strict=True):
                starts[name] += width
        for place, name in enumerate(names):
            axes.text(starts[name], place, f' {starts[name]:.1f}', va='center', fontsize=9)
        axes.set_xlabel('median time of a frame (ms)')
        axes.grid(visible=False, axis='y')
        axes.margins(x=0.08)
        axes.legend(loc='lower right', fontsize=9)
        figure.savefig(path, dpi=130)


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
                _line(above, xs, [point.total_ms for point in points], name, color)
                for stage in ('preprocess', 'infer', 'labels'):
                    if all(stage in point.stages_ms for point in points):
                        times = [point.stages_ms[stage] for point in points]
                        _line(above, xs, times, stage, _STAGE_COLORS[stage], '--')
                _line(below, xs, [point.memory_mib for point in points], name, color)
            above.set_title(title)
            above.set_ylabel('time (ms)')
            above.set_yscale('log')
            above.legend(fontsize=8)
            below.set_ylabel('peak memory (MiB)')
            below.set_ylim(bottom=0)
            for axes in (above, below):
                axes.set_xscale('log')
                axes.set_xlabel(by_name[names[0]].unit)
                axes.set_xticks(xs, [f'{x:.3g}' for x in xs], fontsize=8)
                axes.minorticks_off()
        figure.savefig(path, dpi=130)


def _bubble(axes: Axes, x: float, y: float, parameters_m: float, text: str, *, color: str) -> None:
    axes.scatter([x], [y], s=60 * parameters_m + 20, color=color, alpha=0.6, linewidth=0)
    axes.annotate(text, (x, y), xytext=(6, 4), textcoords='offset points', fontsize=8)


def _line(
    axes: Axes, xs: list[float], ys: list[float], label: str, color: str, style: str = '-'
) -> None:
    axes.plot(xs, ys, style, color=color, marker='o', markersize=4, label=label)
