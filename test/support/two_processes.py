# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One step of training, by one process and by two of torchrun's.

python test/support/two_processes.py    prints by how much they differ, for each norm and loss
"""

from dataclasses import dataclass, replace
import os
from pathlib import Path
import subprocess
import sys
import tempfile

import cv2
import numpy as np
import torch
from torch import Tensor, nn
import yaml

import rtseg_ros
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.labels import LabelSet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.training.processes import joined_processes
from rtseg_ros.training.recipe import Recipe
from rtseg_ros.training.trainer import RunSettings, StepNews, Trainer

TORCHRUN = (sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2')
LABELS = LabelSet('colors', ('dark', 'blue', 'red'), ((0, 0, 0), (0, 0, 255), (255, 0, 0)))
RECIPE = Recipe(
    source='test', epochs=1, batch_size=4, crop_hw=(32, 32), learning_rate=1e-3, optimizer='sgd',
    momentum=0.0, class_weights='enet',
)  # fmt: skip


class Small(SegmentationNetwork):
    """Two convolutions with a norm between them, which may be frozen."""

    stride = 1
    size_multiple = 1
    minimum_side = 1

    def __init__(self, frozen: bool) -> None:
        super().__init__(3)
        self.first, self.norm = nn.Conv2d(3, 8, 3, 1, 1), nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, 3, 1)
        self.frozen = frozen

    def train(self, mode: bool = True) -> 'Small':
        super().train(mode)
        if self.frozen:
            self.norm.eval()
        return self

    def decode(self, image: Tensor) -> Tensor:
        return self.head(torch.relu(self.norm(self.first(image))))


class Enough(BaseException):
    """One step is all that is looked at."""


@dataclass(frozen=True)
class Difference:
    """Largest differences of one process and two, and the largest gradient of one."""

    loss: float
    gradients: float
    largest: float


def write_data(root: Path) -> None:
    """Frames of three classes; those of the first are void in part, by differing shares."""
    rng = np.random.default_rng(1)
    for split, count in (('train', 4), ('val', 3)):
        for kind in ('images', 'labels'):
            (root / split / kind).mkdir(parents=True)
        for i in range(count):
            labels = np.kron(rng.integers(0, 3, (3, 4)), np.ones((16, 16))).astype(np.uint8)
            labels[: 12 * i] = 255
            noise = rng.integers(0, 256, (*labels.shape, 3), dtype=np.uint8)
            cv2.imwrite(str(root / split / 'images' / f'{i}.png'), noise)
            cv2.imwrite(str(root / split / 'labels' / f'{i}.png'), labels)
    names = [{'name': name, 'color': [40 * i, 0, 0]} for i, name in enumerate('abc')]
    (root / 'labels.yaml').write_text(yaml.safe_dump({'name': 'three', 'classes': names}))


def run(*words: object) -> 'subprocess.CompletedProcess[str]':
    environment = os.environ | {
        'PYTHONPATH': str(Path(rtseg_ros.__file__).parents[1]), 'OMP_NUM_THREADS': '1',
    }  # fmt: skip
    return subprocess.run(
        [str(word) for word in words], env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def compare(data: Path, folder: Path, norm: str, loss: str) -> Difference:
    found = []
    for name, program in (('one', (sys.executable,)), ('two', TORCHRUN)):
        output = folder / f'{name}.npz'
        done = run(*program, __file__, data, output, norm, loss)
        assert done.returncode == 0, done.stderr
        with np.load(output) as arrays:
            found.append((float(arrays['loss']), arrays['gradients']))
    (one, one_gradients), (two, two_gradients) = found
    return Difference(
        abs(one - two),
        float(np.abs(one_gradients - two_gradients).max()),
        float(np.abs(one_gradients).max()),
    )


def step(data: Path, output: Path, norm: str, loss: str) -> None:
    torch.manual_seed(0)
    network = Small(norm == 'frozen')
    with joined_processes('cpu') as processes:
        trainer = Trainer(
            'small', network, recipe=replace(RECIPE, loss=loss),
            train=load_folder(data, 'train', label_set=LABELS),
            val=load_folder(data, 'val', label_set=LABELS),
            preprocessing=Preprocessing((48, 64), 'rgb', (127.5,) * 3, (64.0,) * 3),
            settings=RunSettings(output.parent), class_pixels=np.array([3, 2, 1]),
            pretrained=False, processes=processes,
        )  # fmt: skip
        losses = []

        def stop(news: StepNews) -> None:
            losses.append(float(news.losses[-1]))
            raise Enough

        try:
            trainer.run(stop)
        except Enough:
            pass
        if processes.first:
            gradients = torch.cat([p.grad.flatten() for p in network.parameters()])
            np.savez(output, loss=losses[0], gradients=gradients.numpy())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_data(root / 'data')
        print('| norm | loss | loss differs by | gradients | of at most |')
        print('|---|---|---|---|---|')
        for norm in ('frozen', 'ordinary'):
            for loss in ('cross_entropy', 'ohem', 'lovasz'):
                found = compare(root / 'data', root, norm, loss)
                print(
                    f'| {norm} | {loss} | {found.loss:.1e} | {found.gradients:.1e} | '
                    f'{found.largest:.1e} |'
                )


if __name__ == '__main__':
    if len(sys.argv) > 1:
        step(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    else:
        main()
