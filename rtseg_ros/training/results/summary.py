# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What training runs came to, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path

import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks.network import multiply_accumulates, parameter_count
from rtseg_ros.networks.zoo import create_network, network_facts
from rtseg_ros.training.checkpoint import load_checkpoint


@dataclass(frozen=True)
class RunSummary:
    """The best weights of one run.

    Attributes:
        folder: Of the run.
        network: Name in the zoo.
        parameters: Number of learned values.
        gmacs: 10^9 multiply-accumulates of one image of size_hw.
        size_hw: Height and width of the input in pixels.
        epoch: After which the weights were taken.
        epochs: That the recipe asks for.
        trained_on: Name of the training split.
        validated_on: Name of the split that chose the epoch.
        miou: Mean IoU there, 0..1.
        iou: The same per class, by name; None for a class that does not occur.
        published: What the network's paper has on CamVid test, as text; empty if nothing.
        command: What started the run; empty if it was not the shell.
    """

    folder: str
    network: str
    parameters: int
    gmacs: float
    size_hw: tuple[int, int]
    epoch: int
    epochs: int
    trained_on: str
    validated_on: str
    miou: float
    iou: dict[str, float | None]
    published: str
    command: str


def summarise_run(folder: Path) -> RunSummary:
    """Read a run's best.pth.

    Raises:
        TrainingError: If there is none, or it is broken.
    """
    path = folder / 'best.pth'
    if not path.exists():
        raise TrainingError(f"'{folder}' has no best.pth: no epoch of it has been validated yet")
    run = load_checkpoint(path)
    if run.iou is None or run.best_miou is None:
        raise TrainingError(f"'{path}' says nothing of its mIoU; it is not the best.pth of a run")
    names, size_hw = run.labels.names, run.preprocessing.size_hw
    with torch.device('meta'):  # shapes are enough to count
        network = create_network(run.network, len(names))
    published = network_facts(run.network).published_camvid
    return RunSummary(
        folder=folder.name,
        network=run.network,
        parameters=parameter_count(network),
        gmacs=multiply_accumulates(network, size_hw) / 1e9,
        size_hw=size_hw,
        epoch=run.epoch,
        epochs=run.recipe.epochs,
        trained_on=run.train_data,
        validated_on=run.val_data,
        miou=run.best_miou,
        iou={
            name: None if math.isnan(value) else value
            for name, value in zip(names, run.iou, strict=True)
        },
        published=f'{100 * published[0]:.1f} ({published[1]})' if published else '',
        command=run.command,
    )


def markdown_table(runs: Sequence[RunSummary]) -> str:
    """Lay runs out as Markdown, the best first; IoU in percent, then the commands."""
    classes = list(dict.fromkeys(name for run in runs for name in run.iou))
    heads = ['run', 'network', 'Mparam', 'GMAC', 'size', 'epoch', 'validated on', 'mIoU', *classes]
    heads.append("paper's CamVid test")
    lines = [_row(heads), _row(['---'] * len(heads))]
    ordered = sorted(runs, key=lambda run: -run.miou)
    for run in ordered:
        cells = [run.folder, run.network, f'{run.parameters / 1e6:.2f}', f'{run.gmacs:.2f}']
        cells += [f'{run.size_hw[1]}x{run.size_hw[0]}', f'{run.epoch} of {run.epochs}']
        cells += [run.validated_on, f'{100 * run.miou:.1f}']
        cells += [_percent(run.iou.get(name)) for name in classes]
        lines.append(_row([*cells, run.published]))
    lines += ['', *(f'- {run.folder}: `{run.command}`' for run in ordered if run.command)]
    return '\n'.join(lines)


def _percent(share: float | None) -> str:
    return '' if share is None else f'{100 * share:.1f}'


def _row(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'
