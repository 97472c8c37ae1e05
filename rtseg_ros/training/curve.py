"""The learning curve of a run, as numbers and as a picture."""

from collections.abc import Sequence
import csv
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLUMNS = ('epoch', 'loss', 'miou', 'seconds')


def write_curve(history: Sequence[dict[str, float]], folder: Path) -> None:
    """Write curve.csv and curve.png: loss per epoch, mIoU where it was validated."""
    with (folder / 'curve.csv').open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(history)
    curve_figure(history).savefig(folder / 'curve.png', dpi=100)


def curve_figure(history: Sequence[dict[str, float]]) -> Figure:
    """Draw loss and mIoU over the epochs, each on an axis of its own."""
    figure = Figure(figsize=(7, 4), layout='constrained')
    loss_axis = figure.add_subplot()
    epochs = [row['epoch'] for row in history]
    losses = [row['loss'] for row in history]
    # Few epochs are points, for a line through one of them would not be seen.
    mark = '.' if len(history) < 100 else ''
    loss_axis.plot(epochs, losses, color='C0', marker=mark, label='training loss (left)')
    loss_axis.set(xlabel='epoch', ylabel='training loss', ylim=(0, None))
    loss_axis.set_xlim(0, max([1, *epochs]) * 1.02)
    loss_axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    miou_axis = loss_axis.twinx()
    validated = [row for row in history if 'miou' in row]
    miou_axis.plot(
        [row['epoch'] for row in validated], [row['miou'] for row in validated],
        'C1.-', label='validation mIoU (right)',
    )  # fmt: skip
    miou_axis.set(ylabel='validation mIoU', ylim=(0, 1))
    lines = [*loss_axis.lines, *miou_axis.lines]
    figure.legend(handles=lines, loc='outside upper center', ncols=2, frameon=False)
    return figure
