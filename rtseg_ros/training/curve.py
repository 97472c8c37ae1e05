# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learning curve of a run, as numbers and as a picture."""

from collections.abc import Sequence
import csv
from dataclasses import asdict, dataclass
import io
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rtseg_ros.output_files import replace_files

COLUMNS = ('epoch', 'loss', 'miou', 'seconds')


@dataclass(frozen=True)
class EpochFigures:
    """One epoch of a run.

    Attributes:
        epoch: Counted from 1.
        loss: Mean of its steps.
        seconds: That its steps took, validation not counted.
        miou: On the validation split, 0..1; None if it was not validated after this epoch.
    """

    epoch: int
    loss: float
    seconds: float
    miou: float | None = None


def write_curve(history: Sequence[EpochFigures], folder: Path) -> None:
    """Write curve.csv and curve.png: loss per epoch, mIoU where it was validated."""
    text, picture = io.StringIO(), io.BytesIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(asdict(figures) for figures in history)
    curve_figure(history).savefig(picture, dpi=100, format='png')
    replace_files(
        {
            folder / 'curve.csv': text.getvalue().encode(),
            folder / 'curve.png': picture.getvalue(),
        }
    )


def curve_figure(history: Sequence[EpochFigures]) -> Figure:
    """Draw loss and mIoU over the epochs, each on an axis of its own."""
    figure = Figure(figsize=(7, 4), layout='constrained')
    loss_axis = figure.add_subplot()
    epochs = [figures.epoch for figures in history]
    losses = [figures.loss for figures in history]
    # Few epochs are points, for a line through one of them would not be seen.
    mark = '.' if len(history) < 100 else ''
    loss_axis.plot(epochs, losses, color='C0', marker=mark, label='training loss (left)')
    loss_axis.set(xlabel='epoch', ylabel='training loss', ylim=(0, None))
    loss_axis.set_xlim(0, max([1, *epochs]) * 1.02)
    loss_axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    miou_axis = loss_axis.twinx()
    validated = {row.epoch: row.miou for row in history if row.miou is not None}
    miou_axis.plot(
        list(validated), list(validated.values()), 'C1.-', label='validation mIoU (right)'
    )
    miou_axis.set(ylabel='validation mIoU', ylim=(0, 1))
    lines = [*loss_axis.lines, *miou_axis.lines]
    figure.legend(handles=lines, loc='outside upper center', ncols=2, frameon=False)
    return figure
