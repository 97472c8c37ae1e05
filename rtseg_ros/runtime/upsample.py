# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Labels and confidence at frame size from logits at the decoder's stride, exact and cheap.

Bilinear interpolation is a convex combination of the four coarse points around a pixel. So
where these four have the same winning class, every pixel between them has it too, and only the
pixels of the other cells have to be interpolated. In such a cell a class can be left out as
well if its best corner is below the worst corner of another class; two or three classes remain.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from rtseg_ros.errors import EngineError, FrameError
from rtseg_ros.runtime.interpolate import (
    Scores,
    cells_of_axis,
    corners_of_cells,
    interpolate_cells,
    interpolate_rows,
    undecided_cells,
)

Labels = npt.NDArray[np.uint8]

# Block sizes, measured: small enough for the cache, large enough to hide the cost of a NumPy call.
_ARGMAX_BLOCK = 16384  # coarse points
_SCORE_BLOCK = 65536  # scores of one class in undecided cells
_CELL_BLOCK = 4096  # undecided cells
# From this share of undecided cells on, interpolating everything is faster (measured).
_DENSE_SHARE = 0.2
_DENSE_SHARE_CONFIDENCE = 0.12
# exp(-20) is 2e-9: a class this far below the winner cannot move a confidence of 8 bits.
_NEGLIGIBLE = 20.0
# A confidence rounds to 255 up to this 1 / p; the margin is for float32 rounding.
_SATURATED = np.float32(255 / 254.5 - 1e-5)


def _take_if_greater(
    labels: Labels, best: Scores, scores: Scores, class_id: np.uint8 | Labels
) -> None:
    """Give every place where `scores` beats `best` to a class with a higher id than so far.

    Four passes that SIMD handles, where a masked assignment would go element by element: as the
    classes come in ascending order, the maximum of the ids is the last one that won.
    """
    wins = np.greater(scores, best).view(np.uint8)
    np.maximum(scores, best, out=best)
    np.multiply(wins, class_id, out=wins)
    np.maximum(labels, wins, out=labels)


def _coarse_argmax(planes: Scores) -> Labels:
    """Argmax over the first axis of (K, n) scores, in blocks that stay in the cache."""
    labels = np.zeros(planes.shape[1], np.uint8)
    for start in range(0, labels.size, _ARGMAX_BLOCK):
        block = slice(start, start + _ARGMAX_BLOCK)
        best = planes[0, block].copy()
        for class_id in range(1, len(planes)):
            _take_if_greater(labels[block], best, planes[class_id, block], np.uint8(class_id))
    return labels


def _confidence(scores_by_class: Iterable[Scores], best: Scores, scale: np.float32) -> Scores:
    """Return round(255 p) of the best of some scores, which are overwritten.

    Args:
        scores_by_class: arrays shaped as `best`, or only its start along the last axis.
        best: their maximum.
        scale: 1 / temperature.
    """
    sums = np.zeros_like(best)
    for scores in scores_by_class:
        num = scores.shape[-1]
        scores -= best[..., :num]
        if scale != 1:
            scores *= scale
        sums[..., :num] += np.exp(scores, out=scores)
    np.divide(np.float32(255), sums, out=sums)
    return np.rint(sums, out=sums)


def _check(logits: Scores, size_hw: tuple[int, int], out: Labels | None) -> tuple[Scores, Labels]:
    """Check the arrays once; return contiguous logits and the array for the labels."""
    if logits.ndim != 3 or logits.dtype != np.float32 or 0 in logits.shape:
        raise EngineError(
            f'logits are {logits.dtype} of shape {logits.shape}; expected float32 (K, h, w) of '
            'one frame: convert or index what the engine returned'
        )
    if len(logits) > 256:
        raise EngineError(
            f'logits have {len(logits)} classes; labels of 8 bits can name at most 256: '
            'train or convert a network with fewer classes'
        )
    if len(size_hw) != 2 or min(size_hw) < 1:
        raise FrameError(
            f'output size {tuple(size_hw)} is not possible; expected (height, width), both from 1'
        )
    if out is None:
        out = np.empty(tuple(size_hw), np.uint8)
    elif out.shape != tuple(size_hw) or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise FrameError(
            f'out is {out.dtype} of shape {out.shape}; expected C-contiguous uint8 of shape '
            f'{tuple(size_hw)}: leave it away to have one made'
        )
    return np.ascontiguousarray(logits), out


def labels_from_logits(
    logits: Scores,
    size_hw: tuple[int, int],
    *,
    align_corners: bool = False,
    out: Labels | None = None,
) -> Labels:
    """Argmax over classes of bilinearly interpolated logits.

    Equal to interpolating all classes in full, but for pixels where the two best classes differ
    by float32 rounding. The lowest class id wins a tie. Where more than a fifth of the cells are
    undecided (noise), all classes are interpolated, a few rows at a time.

    Args:
        logits: (K, h, w) float32, finite, K up to 256; not changed.
        size_hw: height and width of the labels, larger or smaller than the logits, any ratio.
        align_corners: the convention of torch.nn.functional.interpolate: True maps the centres
            of the corner pixels onto each other, False the outer edges of the images.
        out: array to fill and return, C-contiguous uint8 of size_hw; by default a new one.

    Returns:
        (H, W) uint8 class ids, owned by the caller.

    Raises:
        EngineError: if the logits are not float32 (K, h, w) with K up to 256.
        FrameError: if size_hw or `out` cannot be used.
    """
    logits, labels = _check(logits, size_hw, out)
    planes = logits.reshape(len(logits), -1)
    coarse = _coarse_argmax(planes).reshape(logits.shape[1], logits.shape[2])
    if coarse.shape == labels.shape:
        labels[:] = coarse
        return labels

    rows = cells_of_axis(coarse.shape[0], size_hw[0], align_corners)
    columns = cells_of_axis(coarse.shape[1], size_hw[1], align_corners)
    winner, *others = corners_of_cells(coarse)
    undecided = undecided_cells(winner, others, rows, columns)
    if np.count_nonzero(undecided) > _DENSE_SHARE * undecided.size:
        for band, volume in interpolate_rows(logits, rows, columns, align_corners=align_corners):
            best = volume[0].copy()
            labels[band] = 0
            for class_id, scores in enumerate(volume[1:], start=1):
                _take_if_greater(labels[band], best, scores, np.uint8(class_id))
        return labels

    winner.take(columns.cell, axis=1).take(rows.cell, axis=0, out=labels, mode='clip')
    span = len(rows.pixel) * len(columns.pixel)
    block = min(max(_SCORE_BLOCK // span, 1), _CELL_BLOCK)
    flat = labels.reshape(-1)
    for pixels, candidates in interpolate_cells(
        planes, rows, columns, np.flatnonzero(undecided), margin=0.0, block=block
    ):
        class_ids, best = next(candidates)
        chosen = np.empty(pixels.shape, np.uint8)
        chosen[:] = class_ids
        for class_ids, scores in candidates:
            num = len(class_ids)
            ids = class_ids.astype(np.uint8)
            _take_if_greater(chosen[:, :, :num], best[:, :, :num], scores, ids)
        flat[pixels] = chosen
    return labels


def labels_and_confidence_from_logits(
    logits: Scores,
    size_hw: tuple[int, int],
    *,
    align_corners: bool = False,
    temperature: float = 1.0,
) -> tuple[Labels, Labels]:
    """Labels as labels_from_logits, and how sure the network is of each.

    The confidence is round(255 p), p the largest softmax probability of the interpolated logits
    divided by the temperature. 1 / p is a sum of exponentials and thus convex: where the same
    class wins at all four corners of a cell and each of them rounds to 255, so does every pixel
    between them. The others are interpolated, without the classes that are too small to count.

    Args:
        logits: (K, h, w) float32, finite, K up to 256; not changed.
        size_hw: height and width of both results.
        align_corners: see labels_from_logits.
        temperature: above 0; larger is less sure. 1 leaves the network's own probabilities.

    Returns:
        labels and confidence, both (H, W) uint8 and owned by the caller.

    Raises:
        EngineError: if the logits are not float32 (K, h, w), or the temperature is not positive.
        FrameError: if size_hw cannot be used.
    """
    if not temperature > 0:
        raise EngineError(f'temperature is {temperature}; expected a number above 0')
    labels = labels_from_logits(logits, size_hw, align_corners=align_corners)
    logits, confidence = _check(logits, size_hw, None)
    planes = logits.reshape(len(logits), -1)
    scale = np.float32(1 / temperature)

    # Class id where the coarse point is saturated, -1 elsewhere: equal ids >= 0 decide a cell.
    coarse = np.zeros(planes.shape[1], np.int16)
    for start in range(0, coarse.size, _ARGMAX_BLOCK):
        block = slice(start, start + _ARGMAX_BLOCK)
        scores = planes[:, block]
        sums = np.exp((scores - scores.max(axis=0)) * scale).sum(axis=0)
        coarse[block] = _coarse_argmax(scores)
        coarse[block][sums > _SATURATED] = -1
    height, width = logits.shape[1:]
    rows = cells_of_axis(height, size_hw[0], align_corners)
    columns = cells_of_axis(width, size_hw[1], align_corners)
    winner, *others = corners_of_cells(coarse.reshape(height, width))
    unsure = np.minimum(winner, 0)  # -1 differs from every neighbour, also from another -1
    undecided = undecided_cells(winner, [*others, winner - unsure], rows, columns)

    if np.count_nonzero(undecided) > _DENSE_SHARE_CONFIDENCE * undecided.size:
        for band, volume in interpolate_rows(logits, rows, columns, align_corners=align_corners):
            confidence[band] = _confidence(volume, volume.max(axis=0), scale)
        return labels, confidence

    confidence[:] = 255
    flat = confidence.reshape(-1)
    span = len(rows.pixel) * len(columns.pixel)
    block_cells = min(max(4 * _SCORE_BLOCK // (span * len(planes)), 64), _CELL_BLOCK)
    for pixels, candidates in interpolate_cells(
        planes,
        rows,
        columns,
        np.flatnonzero(undecided),
        margin=_NEGLIGIBLE * temperature,
        block=block_cells,
    ):
        scores_by_rank = [scores for _, scores in candidates]
        best = scores_by_rank[0].copy()
        for scores in scores_by_rank[1:]:
            part = best[:, :, : scores.shape[2]]
            np.maximum(part, scores, out=part)
        flat[pixels] = _confidence(scores_by_rank, best, scale)
    return labels, confidence
