# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Prints the table of palettes.md: how far apart the classes' colours are on real frames.

docs/palette_table.py CAMVID/val/images [more folders of frames]
"""

from pathlib import Path
import sys

import cv2
import numpy as np

from rtseg_ros.labels import BUILT_IN
from rtseg_ros.labels.color_difference import VISIONS
from rtseg_ros.labels.palettes import PALETTES, closest, palette_bgr

_PIXELS = 20000


def main(folders: list[str]) -> None:
    """Measure on pixels drawn evenly from all frames of the folders."""
    paths = sorted(path for folder in folders for path in Path(folder).iterdir())
    generator = np.random.default_rng(0)
    frames = (cv2.imread(str(path)).reshape(-1, 3) for path in paths)
    share = max(_PIXELS // len(paths), 1)
    pixels = np.concatenate([generator.choice(frame, share) for frame in frames])
    print(f'{len(pixels)} pixels of {len(paths)} frames\n')
    print('| classes | palette | eyes | 99 % of pixels differ by | half | closest two |')
    print('|---|---|---|---|---|---|')
    for labels in BUILT_IN.values():
        names = [*labels.names, 'no class']
        for palette in PALETTES:
            colors = palette_bgr(labels, palette)[: len(names)]
            for vision in VISIONS:
                differences, (one, other) = closest(colors, pixels, vision=vision)
                print(
                    f'| {labels.name} | `{palette}` | {vision} | '
                    f'{np.percentile(differences, 1):.1f} | {np.median(differences):.1f} | '
                    f'{names[one]}, {names[other]} |'
                )


if __name__ == '__main__':
    main(sys.argv[1:])
