"""The learning curve of a run, as numbers and as a picture."""

from collections.abc import Sequence
import csv
from pathlib import Path

import matplotlib
from matplotlib import pyplot

COLUMNS = ('epoch', 'loss', 'miou', 'seconds')


def write_curve(history: Sequence[dict[str, float]], folder: Path) -> None:
    """Write curve.csv and curve.png: loss per epoch, mIoU where it was validated."""
    with (folder / 'curve.csv').open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(history)
    matplotlib.use('Agg')
    figure, loss_axis = pyplot.subplots(figsize=(7, 4))
    loss_axis.plot([row['epoch'] for row in history], [row['loss'] for row in history], 'C0')
    loss_axis.set(xlabel='epoch', ylabel='training loss', ylim=(0, None))
    miou_axis = loss_axis.twinx()
    validated = [row for row in history if 'miou' in row]
    miou_axis.plot([row['epoch'] for row in validated], [row['miou'] for row in validated], 'C1.-')
    miou_axis.set(ylabel='validation mIoU', ylim=(0, 1))
    figure.tight_layout()
    figure.savefig(folder / 'curve.png', dpi=100)
    pyplot.close(figure)
