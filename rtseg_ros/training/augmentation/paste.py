# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Copy and paste: a pedestrian, bicyclist, pole or sign of one frame into another.

Simple copy-paste (Ghiasi et al., CVPR 2021), for connected pixels of a class instead of instances.
"""

from collections.abc import Sequence

import cv2
import numpy as np

# By the names of CamVid and of Cityscapes.
PASTED = (
    'Pedestrian', 'Bicyclist', 'Pole', 'SignSymbol',
    'person', 'rider', 'bicycle', 'motorcycle', 'pole', 'traffic sign', 'traffic light',
)  # fmt: skip
_SMALLEST = 40  # pixels: less is not seen as what it is


def paste_object(
    frame: np.ndarray,
    labels: np.ndarray,
    donor: tuple[np.ndarray, np.ndarray],
    class_ids: Sequence[int],
    *,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Paste one object of a donor at its height in the picture, where it stays as large as seen.

    Args:
        frame: (H, W, 3) uint8 BGR; not changed.
        labels: (H, W) uint8; not changed.
        donor: Frame and labels of the same size that the object is taken from.
        class_ids: What may be pasted.
        rng: Source of all randomness.

    Returns:
        Frame and labels with the object; the given ones where the donor has none, or another size.
    """
    objects = _objects(donor[1], class_ids)
    if not objects or donor[1].shape != labels.shape:
        return frame, labels
    mask = objects[int(rng.integers(len(objects)))]
    columns = np.nonzero(mask.any(axis=0))[0]
    left, right = int(columns[0]), int(columns[-1])
    moved = int(rng.integers(-left, mask.shape[1] - right))
    mirrored = rng.random() < 0.5
    patch = (slice(None), slice(left, right + 1))
    target = (slice(None), slice(left + moved, right + moved + 1))
    step = -1 if mirrored else 1
    inside = mask[patch][:, ::step]
    frame, labels = frame.copy(), labels.copy()
    frame[target][inside] = donor[0][patch][:, ::step][inside]
    labels[target][inside] = donor[1][patch][:, ::step][inside]
    return frame, labels


def _objects(labels: np.ndarray, class_ids: Sequence[int]) -> list[np.ndarray]:
    """Return a mask (H, W) bool for each connected set of pixels of one class."""
    masks = []
    for class_id in class_ids:
        count, parts, figures, _ = cv2.connectedComponentsWithStats(
            (labels == class_id).astype(np.uint8)
        )
        masks += [
            parts == part
            for part in range(1, count)
            if figures[part, cv2.CC_STAT_AREA] >= _SMALLEST
        ]
    return masks
