"""The same label upsampling as loops that numba compiles: is a compiler worth its weight?"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from rtseg_ros.runtime.interpolate import cells_of_axis


def numba_labels(
    logits: np.ndarray, size_hw: tuple[int, int], *, align_corners: bool
) -> np.ndarray:
    """Return the labels as ``labels_from_logits`` does.

    Args:
        logits: (K, h, w) float32, C-contiguous.
        size_hw: Height and width of the labels.
        align_corners: Convention of the interpolation.

    Raises:
        ModuleNotFoundError: If numba is not installed.
    """
    coarse_argmax, fill = _compiled()
    num_classes, height, width = logits.shape
    planes = logits.reshape(num_classes, -1)
    coarse = np.empty(height * width, np.uint8)
    coarse_argmax(planes, coarse)
    rows = cells_of_axis(height, size_hw[0], align_corners)
    columns = cells_of_axis(width, size_hw[1], align_corners)
    labels = np.empty(size_hw, np.uint8)
    fill(planes, coarse, width, _starts(rows), rows.at, _starts(columns), columns.at, labels)
    return labels


def _starts(axis: Any) -> np.ndarray:
    """Return the first pixel of every cell, and the number of pixels at the end."""
    return np.searchsorted(axis.cell, np.arange(len(axis.low) + 1))


@lru_cache(maxsize=1)
def _compiled() -> tuple[Callable[..., None], Callable[..., None]]:
    import numba

    return numba.njit(_coarse_argmax), numba.njit(_fill)


def _coarse_argmax(planes: Any, labels: Any) -> None:
    """Argmax over classes, in blocks that stay in the cache; branch-free, for SIMD."""
    block = 2048
    best = np.empty(block, np.float32)
    for start in range(0, planes.shape[1], block):
        count = min(block, planes.shape[1] - start)
        for i in range(count):
            best[i] = planes[0, start + i]
            labels[start + i] = 0
        for class_id in range(1, planes.shape[0]):
            for i in range(count):
                wins = planes[class_id, start + i] > best[i]
                best[i] = planes[class_id, start + i] if wins else best[i]
                labels[start + i] = np.uint8(class_id) if wins else labels[start + i]


def _fill(
    planes: Any, coarse: Any, width: int, ys: Any, downs: Any, xs: Any, alongs: Any, labels: Any
) -> None:
    """Copy the class of cells whose corners agree, interpolate the candidates of the others."""
    height = len(ys) - 2
    candidates = np.empty(planes.shape[0], np.int64)
    for row in range(height + 1):
        top, bottom = max(row - 1, 0) * width, min(row, height - 1) * width
        for column in range(width + 1):
            left, right = max(column - 1, 0), min(column, width - 1)
            a, b, c, d = top + left, top + right, bottom + left, bottom + right
            if ys[row] == ys[row + 1] or xs[column] == xs[column + 1]:
                continue
            winner = coarse[a]
            if winner == coarse[b] and winner == coarse[c] and winner == coarse[d]:
                for y in range(ys[row], ys[row + 1]):
                    for x in range(xs[column], xs[column + 1]):
                        labels[y, x] = winner
                continue
            floor = np.float32(-np.inf)
            for scores in planes:
                floor = max(floor, min(min(scores[a], scores[b]), min(scores[c], scores[d])))
            count = 0
            for class_id in range(planes.shape[0]):
                scores = planes[class_id]
                if max(max(scores[a], scores[b]), max(scores[c], scores[d])) >= floor:
                    candidates[count] = class_id
                    count += 1
            for y in range(ys[row], ys[row + 1]):
                for x in range(xs[column], xs[column + 1]):
                    best, best_id = np.float32(-np.inf), 0
                    for class_id in candidates[:count]:
                        scores = planes[class_id]
                        at_left = scores[a] + downs[y] * (scores[c] - scores[a])
                        at_right = scores[b] + downs[y] * (scores[d] - scores[b])
                        score = at_left + alongs[x] * (at_right - at_left)
                        if score > best:
                            best, best_id = score, class_id
                    labels[y, x] = best_id
