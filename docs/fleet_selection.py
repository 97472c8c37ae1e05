# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Shows what --select is worth: the mIoU of the frames it chooses, beside as many random ones.

docs/fleet_selection.py MODEL CAMVID train 0006R0 [COUNT]

MODEL was trained without that drive. Its frames become four bags without ground truth, the fleet
is evaluated, COUNT frames are selected; only then are the labels read.
"""

from collections.abc import Iterable
from pathlib import Path
import subprocess
import sys
import tempfile

import numpy as np

from rtseg_ros.evaluation.fleet.results import read_fleet
from rtseg_ros.evaluation.fleet.select import candidates_of, choose
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.datasets import load_dataset
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime import load_segmenter

BAGS, DRAWS = 4, 10
START_NS, PERIOD_NS = 1_700_000_000_000_000_000, 1_000_000_000  # labelled once a second


def main(model: str, root: str, split: str, drive: str, count: int) -> None:
    """Print the mIoU of the selected frames, of ten random draws, and of all."""
    dataset = load_dataset('camvid', root, split)
    indices = [i for i, path in enumerate(dataset.image_paths) if path.stem.startswith(drive)]
    parts = {f'b{n}': part for n, part in enumerate(np.array_split(indices, BAGS))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bag, part in parts.items():
            with BagWriter(folder / 'bags' / bag, image_format='png') as writer:
                for position, index in enumerate(part):
                    writer.write(dataset.frame(index), START_NS + position * PERIOD_NS)
        command = [sys.executable, '-m', 'rtseg_ros.cli', 'evaluate', model, '--bags', 'bags']
        subprocess.run([*command, '-o', 'out'], cwd=folder, check=True)
        fleet = read_fleet(folder / 'out')
        frames = choose(candidates_of(folder / 'out', fleet), count)
    chosen = [parts[one.bag][one.frame] for one in frames]
    segmenter = load_segmenter(model)
    alignment = align(segmenter.labels, dataset.label_set)
    masks = {index: segmenter(dataset.frame(index)).labels for index in indices}

    def miou(some: Iterable[int]) -> float:
        accuracy = Accuracy(alignment, dataset.label_set, boundary=False)
        for index in some:
            accuracy.add(masks[index], dataset.labels(index))
        return accuracy.figures()['miou']

    generator = np.random.default_rng(0)
    draws = [miou(generator.choice(indices, len(chosen), replace=False)) for _ in range(DRAWS)]
    low, high = min(draws), max(draws)
    print(
        f'{len(chosen)} of {len(indices)} frames of {drive}: selected {100 * miou(chosen):.1f} %'
    )
    print(
        f'random {100 * np.mean(draws):.1f} % [{100 * low:.1f}, {100 * high:.1f}] ({DRAWS} draws)'
    )
    print(f'all {100 * miou(indices):.1f} %')


if __name__ == '__main__':
    main(*sys.argv[1:5], count=int(sys.argv[5]) if len(sys.argv) > 5 else 20)
