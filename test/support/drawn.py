# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a reader finds in a plot: ticks and legends."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import pytest


def figures_of(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return a list that every figure is added to when it is saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure, *words, **options):
        figures.append(figure)
        return save(figure, *words, **options)

    monkeypatch.setattr(Figure, 'savefig', keep)
    return figures


def ticks(axes: Axes, which: str) -> list[str]:
    """Return the texts of the ticks of the x or y axis that lie within its limits."""
    axis = {'x': axes.xaxis, 'y': axes.yaxis}[which]
    low, high = sorted(axis.get_view_interval())
    near = 1e-9 * (high - low)
    return [
        tick.label1.get_text()
        for tick in axis.get_major_ticks()
        if low - near <= tick.get_loc() <= high + near and tick.label1.get_text()
    ]


def legend(drawn: Axes | Figure) -> list[str]:
    """Return the words of a legend."""
    found = drawn.legends[0] if isinstance(drawn, Figure) else drawn.get_legend()
    return [text.get_text() for text in found.get_texts()]
