# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fits the temperature of a model's confidence on ground truth and stores it in the model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import EvaluationError, RtsegError, SettingError
from rtseg_ros.frames.sources import Source
from rtseg_ros.metrics.calibration_error import CalibrationError, fit_temperature, softmax
from rtseg_ros.output_files import check_output_folder, replace_files
from rtseg_ros.runtime import Segmenter
from rtseg_ros.runtime.model_file import read_model_file

# Pixels that are looked at in all, and at least per frame.
PIXELS = 400_000
PIXELS_PER_FRAME = 200


@dataclass(frozen=True)
class Calibration:
    """Result of a fit; errors are fractions.

    Attributes:
        temperature_before: What the model had.
        temperature_after: What was fitted.
        ece_before: Expected calibration error with the old temperature.
        ece_after: With the new one; both on frames that the fit has not seen.
        pixels: Pixels behind the two errors.
        curve_before: Filled bins: pixels, confidence and accuracy.
        curve_after: Likewise.
    """

    temperature_before: float
    temperature_after: float
    ece_before: float
    ece_after: float
    pixels: int
    curve_before: list[dict[str, float]]
    curve_after: list[dict[str, float]]

    @property
    def improves(self) -> bool:
        """Whether the new temperature is better on frames that the fit has not seen."""
        return self.ece_after < self.ece_before

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for the report."""
        return asdict(self) | {'stored': self.improves}


def calibrate(
    segmenter: Segmenter, source: Source, *, progress: Callable[[int], None] = lambda _: None
) -> Calibration:
    """Fit on every other frame, measure on the rest.

    Pixels are drawn at random from the labelled ones, few from each of many frames, because
    neighbours say the same.

    Args:
        segmenter: A model that gives logits.
        source: Frames with ground truth in the model's own classes.
        progress: Called with the number of frames done.

    Raises:
        EvaluationError: If the classes differ or there is too little ground truth.
        EngineError: If the model gives labels only.
    """
    truth_labels = source.labels or segmenter.labels
    if truth_labels.names != segmenter.labels.names:
        raise EvaluationError(
            f'calibration needs ground truth in the classes of the model '
            f'({segmenter.labels.name}), not {truth_labels.name}'
        )
    stride = max(len(source) * PIXELS_PER_FRAME // PIXELS, 1)
    per_frame = max(PIXELS * stride // max(len(source), 1), PIXELS_PER_FRAME)
    random = np.random.default_rng(0)
    halves: tuple[list[tuple[np.ndarray, np.ndarray]], ...] = ([], [])
    used = 0
    for index, item in enumerate(source):
        progress(index + 1)
        if index % stride:
            continue
        try:
            frame, truth = item.frame(), item.truth()
        except RtsegError:
            continue  # counted by the evaluation itself
        if truth is None or truth.shape != frame.shape[:2]:
            continue
        sample = _sample(segmenter, frame, truth, per_frame, random)
        if len(sample[1]):
            halves[used % 2].append(sample)
            used += 1
    if used < 2:
        raise EvaluationError(
            f'{used} frames have ground truth; a calibration needs at least 2, to fit and to check'
        )
    fit_logits, fit_truth = (np.concatenate(parts) for parts in zip(*halves[0], strict=True))
    logits, truth = (np.concatenate(parts) for parts in zip(*halves[1], strict=True))
    before = segmenter.engine.model.metadata.temperature
    after = fit_temperature(fit_logits, fit_truth)
    error_before, error_after = (_error(logits, truth, t) for t in (before, after))
    return Calibration(
        before, after, error_before.error(), error_after.error(), len(truth),
        error_before.curve(), error_after.curve(),
    )  # fmt: skip


def store_temperature(path: Path, temperature: float) -> None:
    """Write a temperature into the metadata of a model file; the network is untouched.

    Raises:
        ModelFileError: If the file is no model.
        EvaluationError: If it cannot be written.
    """
    model = read_model_file(path)
    content = model.with_metadata(replace(model.metadata, temperature=temperature))
    try:
        replace_files({path: content})
    except OSError as error:
        raise EvaluationError(
            f"the temperature cannot be stored in '{path}': {error.strerror}"
        ) from error


def check_temperature_can_be_stored(path: Path) -> None:
    """Refuse, before the work, a model file that cannot be replaced.

    Raises:
        EvaluationError: If its folder is not writable.
    """
    try:
        check_output_folder(path.parent)
    except SettingError as error:
        raise EvaluationError(
            f"the temperature cannot be stored in '{path}': {error}, or give a copy of the model"
        ) from error


def _sample(
    segmenter: Segmenter,
    frame: np.ndarray,
    truth: np.ndarray,
    count: int,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, K) scores and (n,) output indices of the truth at random labelled pixels."""
    labelled = np.flatnonzero(truth < segmenter.labels.num_classes)
    chosen = random.choice(labelled, min(count, labelled.size), replace=False)
    metadata = segmenter.engine.model.metadata
    scores = interpolated(
        segmenter.logits(frame), truth.shape, chosen, align_corners=metadata.align_corners
    )
    classes = truth.ravel()[chosen].astype(np.int64)
    if metadata.unlabelled_output is not None:
        classes += classes >= metadata.unlabelled_output
    return scores, classes


def interpolated(
    logits: np.ndarray, size_hw: tuple[int, ...], pixels: np.ndarray, *, align_corners: bool
) -> np.ndarray:
    """Return bilinearly interpolated scores at some pixels of the full-size picture.

    Args:
        logits: (K, h, w) float32.
        size_hw: Height and width of the picture.
        pixels: (n,) flat indices into it.
        align_corners: Convention of torch's interpolate.

    Returns:
        (n, K) float32.
    """
    low, high, weight = [], [], []
    for index, size, coarse in zip(
        np.divmod(pixels, size_hw[1]), size_hw, logits.shape[1:], strict=True
    ):
        if align_corners:
            position = index * ((coarse - 1) / max(size - 1, 1))
        else:
            position = np.maximum((index + 0.5) * (coarse / size) - 0.5, 0)
        first = np.minimum(position.astype(np.int64), coarse - 1)
        low.append(first)
        high.append(np.minimum(first + 1, coarse - 1))
        weight.append((position - first).astype(np.float32))
    (top, left), (bottom, right), (down, across) = low, high, weight
    upper = logits[:, top, left] * (1 - across) + logits[:, top, right] * across
    lower = logits[:, bottom, left] * (1 - across) + logits[:, bottom, right] * across
    return (upper * (1 - down) + lower * down).T


def _error(logits: np.ndarray, truth: np.ndarray, temperature: float) -> CalibrationError:
    probabilities = softmax(logits, temperature=temperature)
    error = CalibrationError()
    error.add(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    return error
