# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The colours of overlays: the data set's own, or ones that everybody can tell apart."""

import numpy as np

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels.color_difference import ciede2000, lab_from_bgr
from rtseg_ros.labels.label_set import LabelSet

PALETTES = ('dataset', 'distinct')
# RGB; black, for no class, is the twentieth. They were found by a search over a grid of colours
# for those whose closest two, blended at 0.5 over grays and colours of streets, differ most in
# CIEDE2000, where 10 for normal eyes counts as much as 6 for deutan and protan ones.
# docs/palettes.md has what they measure on real frames.
DISTINCT = (
    (32, 191, 191), (0, 96, 64), (32, 159, 223), (191, 96, 128), (64, 0, 96), (191, 255, 128),
    (64, 96, 255), (96, 96, 0), (0, 0, 255), (96, 255, 191), (223, 159, 128), (0, 159, 64),
    (64, 64, 96), (255, 255, 0), (191, 32, 159), (223, 159, 0), (255, 191, 255), (96, 32, 0),
    (223, 255, 255),
)  # fmt: skip


def palette_bgr(labels: LabelSet, palette: str = 'dataset') -> np.ndarray:
    """Return the colours of the classes.

    Args:
        labels: The classes.
        palette: ``dataset`` for the colours of the label set; ``distinct`` for the nearest of
            nineteen that are far apart, so that a tree that was green stays green if it can.

    Returns:
        (256, 3) uint8 BGR; ids without a class are black.

    Raises:
        LabelSetError: If there are more classes than distinct colours.
    """
    table = labels.palette_bgr()
    if palette == 'distinct':
        if labels.num_classes > len(DISTINCT):
            raise LabelSetError(
                f"the palette 'distinct' has {len(DISTINCT)} colours and {labels.name} has "
                f"{labels.num_classes} classes; take 'dataset', or merge classes (class_groups)"
            )
        colors = np.array(DISTINCT, np.uint8)[:, ::-1]
        table[: labels.num_classes] = colors[_nearest(table[: labels.num_classes], colors)]
    return table


def closest(
    colors_bgr: np.ndarray, pixels_bgr: np.ndarray, *, vision: str = 'normal', alpha: float = 0.5
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return how much the two colours that are hardest to tell apart differ over a picture.

    Args:
        colors_bgr: (K, 3), two at least.
        pixels_bgr: (N, 3) uint8 that both are blended over.
        vision: One of ``color_difference.VISIONS``.
        alpha: Weight of the colours.

    Returns:
        (N,) CIEDE2000 of that pair over each pixel, and which two they are: the pair whose 1st
        percentile is smallest.
    """
    blended = alpha * np.asarray(colors_bgr, float)[:, None] + (1 - alpha) * pixels_bgr
    lab = lab_from_bgr(blended, vision=vision)  # (K, N, 3)
    pairs = list(zip(*np.triu_indices(len(lab), 1), strict=True))
    differences = [ciede2000(lab[one], lab[other]) for one, other in pairs]
    worst = min(range(len(pairs)), key=lambda index: np.percentile(differences[index], 1))
    return differences[worst], (int(pairs[worst][0]), int(pairs[worst][1]))


def _nearest(wanted_bgr: np.ndarray, colors_bgr: np.ndarray) -> list[int]:
    """Give every wanted colour another one of the colours, the closest pair first."""
    differences = ciede2000(lab_from_bgr(wanted_bgr)[:, None], lab_from_bgr(colors_bgr)[None])
    chosen = [0] * len(wanted_bgr)
    for _ in chosen:
        one, other = np.unravel_index(differences.argmin(), differences.shape)
        chosen[one] = int(other)
        differences[one] = differences[:, other] = np.inf
    return chosen
