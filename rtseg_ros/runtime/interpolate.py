# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bilinear interpolation of class scores on a coarse grid: in chosen cells, or everywhere.

The cells of a coarse (h, w) map lie between its points, and half a cell more on every side:
(h + 1, w + 1) of them. A cell has four coarse points as corners, clamped at the border, and
every output pixel lies in one cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]

# Measured: small enough for the cache, large enough to hide the cost of a NumPy call.
_VOLUME_BLOCK = 1048576  # scores of all classes


@dataclass(frozen=True)
class Axis:
    """Cells of one axis: cell c lies between the coarse points c - 1 and c, clamped at both ends.

    Attributes:
        cell: (n_out,), the cell of every output pixel.
        low: (n_in + 1,), coarse point at the start of every cell.
        high: (n_in + 1,), coarse point at the end of every cell.
        pixel: (span, n_in + 1), the output pixels of every cell; a cell with fewer than `span`
            repeats its last one.
        at: (n_out,), how far every output pixel lies from `low` to `high` of its cell, 0 to 1.
        fraction: (span, n_in + 1), the same for the pixels of every cell.
        empty: (n_in + 1,), cells without any output pixel.
    """

    cell: Index
    low: Index
    high: Index
    pixel: Index
    at: Scores
    fraction: Scores
    empty: npt.NDArray[np.bool_]


@lru_cache(maxsize=64)
def cells_of_axis(size_in: int, size_out: int, align_corners: bool) -> Axis:
    """Place `size_out` pixels between `size_in` coarse points as torch.nn.functional does."""
    pixel = np.arange(size_out)
    if align_corners:
        source = pixel * ((size_in - 1) / max(size_out - 1, 1))
    else:
        source = (pixel + 0.5) * (size_in / size_out) - 0.5
    below = np.floor(source)
    cell = np.clip(below.astype(np.intp) + 1, 0, size_in)
    fraction = (source - below).astype(np.float32)

    cells = np.arange(size_in + 1)
    count = np.bincount(cell, minlength=size_in + 1)
    step = np.minimum(np.arange(count.max())[:, None], np.maximum(count - 1, 0))
    members = np.minimum(np.searchsorted(cell, cells) + step, size_out - 1)
    return Axis(
        cell=cell,
        low=np.maximum(cells - 1, 0),
        high=np.minimum(cells, size_in - 1),
        pixel=members,
        at=fraction,
        fraction=fraction[members],
        empty=count == 0,
    )


def corners_of_cells(coarse: npt.NDArray) -> tuple[npt.NDArray, ...]:
    """Values of a coarse (h, w) map at the four corners of its (h + 1, w + 1) cells."""
    padded = cv2.copyMakeBorder(coarse, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]


def undecided_cells(
    value: npt.NDArray, others: list[npt.NDArray], rows: Axis, columns: Axis
) -> npt.NDArray[np.bool_]:
    """Find the cells with an output pixel whose corners do not all have the same value."""
    differs = value != others[0]
    for other in others[1:]:
        differs |= value != other
    differs[rows.empty] = False
    differs[:, columns.empty] = False
    return differs


def _candidates(corners: list[Scores], margin: float) -> tuple[Index, Index, Index]:
    """Find the classes that can matter somewhere inside each cell.

    Args:
        corners: four arrays (K, m): the scores of m cells at their corners.
        margin: how far below the certain minimum of the winner a class still matters; 0 keeps
            all that can win.

    Returns:
        order (m,): the cells, those with most candidates first; classes (R, m): candidate number
        r of each cell in that order, ascending; count (R,): how many cells have more than r
        candidates.
    """
    high = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    low = np.minimum(np.minimum(corners[0], corners[1]), np.minimum(corners[2], corners[3]))
    matters = high >= low.max(axis=0) - np.float32(margin)  # (K, m)

    num_classes, num_cells = matters.shape
    rank = np.zeros((num_classes + 1, num_cells), np.uint16)  # candidates with a lower class id
    for class_id in range(num_classes):
        np.add(rank[class_id], matters[class_id], out=rank[class_id + 1])
    number = rank[-1]
    order = np.argsort(number, kind='stable')[::-1]
    place = np.empty_like(order)
    place[order] = np.arange(num_cells)

    found = np.flatnonzero(matters)
    class_of, cell_of = np.divmod(found, num_cells)
    classes = np.zeros((int(number.max()), num_cells), np.intp)
    classes[rank.reshape(-1)[found], place[cell_of]] = class_of
    ascending = number[order[::-1]]
    count = num_cells - np.searchsorted(ascending, np.arange(len(classes)), side='right')
    return order, classes, count


def _scores_by_rank(
    corners: list[Scores], order: Index, classes: Index, count: Index, down: Scores, along: Scores
) -> Iterator[tuple[Index, Scores]]:
    for class_ids, num in zip(classes, count, strict=True):
        index = class_ids[:num] * len(order) + order[:num]
        a, b, c, d = (corner.reshape(-1).take(index, mode='clip') for corner in corners)
        at_left = a + down[:, :num] * (c - a)  # (sy, u)
        at_right = b + down[:, :num] * (d - b)
        scores = (at_right - at_left)[:, None] * along[:, :num]  # (sy, sx, u)
        scores += at_left[:, None]
        yield class_ids[:num], scores


def interpolate_cells(
    planes: Scores, rows: Axis, columns: Axis, cells: Index, *, margin: float, block: int
) -> Iterator[tuple[Index, Iterator[tuple[Index, Scores]]]]:
    """Interpolate the candidate classes of some cells, block by block.

    Args:
        planes: (K, h * w) logits.
        rows: cells of the vertical axis.
        columns: cells of the horizontal axis.
        cells: flat indices into the (h + 1, w + 1) cells.
        margin: see _candidates.
        block: cells per block.

    Yields:
        pixels (sy, sx, m): flat index of the output pixels of m cells; and for candidate number
        0, 1, ... their class ids (u,) and scores (sy, sx, u) in the first u of the m cells.
    """
    width = len(columns.low) - 1
    size_out = len(columns.cell)
    for start in range(0, len(cells), block):
        row, column = np.divmod(cells[start : start + block], width + 1)
        top, bottom = rows.low[row] * width, rows.high[row] * width
        left, right = columns.low[column], columns.high[column]
        corners = [
            planes.take(index, axis=1, mode='clip')  # (K, m)
            for index in (top + left, top + right, bottom + left, bottom + right)
        ]
        order, classes, count = _candidates(corners, margin)
        row, column = row[order], column[order]
        pixels = (rows.pixel[:, row] * size_out)[:, None] + columns.pixel[:, column]
        down = rows.fraction[:, row]  # (sy, m)
        along = columns.fraction[:, column]  # (sx, m)
        yield pixels, _scores_by_rank(corners, order, classes, count, down, along)


def interpolate_rows(
    logits: Scores, rows: Axis, columns: Axis, *, align_corners: bool
) -> Iterator[tuple[slice, Scores]]:
    """Interpolate all classes in full, a few rows at a time.

    Yields:
        the output rows, and their scores (K, r, W), valid until the next step.
    """
    width = len(columns.cell)
    height = len(rows.cell)
    step = max(1, min(height, _VOLUME_BLOCK // (len(logits) * width)))
    volume = np.empty(len(logits) * step * width, np.float32)
    for start in range(0, height, step):
        band = slice(start, min(start + step, height))
        cell = rows.cell[band]
        above = logits[:, rows.low[cell]]
        lines = logits[:, rows.high[cell]]  # (K, r, w)
        lines -= above
        lines *= rows.at[band, None]
        lines += above
        scores = volume[: lines.shape[0] * lines.shape[1] * width].reshape(*lines.shape[:2], width)
        if align_corners:
            left = lines.take(columns.low[columns.cell], axis=2)
            lines.take(columns.high[columns.cell], axis=2, out=scores, mode='clip')
            scores -= left
            scores *= columns.at
            scores += left
        else:  # OpenCV knows this convention only, and is several times faster
            lines = lines.reshape(-1, lines.shape[2])
            cv2.resize(lines, (width, len(lines)), dst=scores.reshape(-1, width))
        yield band, scores
