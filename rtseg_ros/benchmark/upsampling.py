# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Labels from coarse logits: our way against torch and OpenCV that interpolate everything."""

from dataclasses import dataclass
import time

import cv2
import numpy as np

from rtseg_ros.progress import Say
from rtseg_ros.runtime.upsample import labels_from_logits

# Classes, size of the logits, size of the labels.
CASES = (
    (11, (90, 120), (360, 480)),
    (19, (64, 128), (512, 1024)),
    (19, (180, 320), (720, 1280)),
    (19, (256, 512), (1024, 2048)),
    (19, (128, 256), (1024, 2048)),
    (150, (128, 256), (512, 1024)),
)
ROUNDS = 7


@dataclass(frozen=True)
class UpsamplingRow:
    """One case.

    Attributes:
        classes: Number of classes.
        logits: Height x width of the logits.
        labels: Height x width of the labels.
        content: ``regions`` (as a network gives them) or ``noise`` (no two points alike).
        align_corners: Convention.
        ours_ms: Median time of labels_from_logits.
        torch_ms: Median time of interpolate and argmax.
        opencv_ms: Median time of resizing every class and NumPy's argmax; None where OpenCV
            does not have the convention.
        different: Pixels that differ from torch's; each is a tie but for rounding.
    """

    classes: int
    logits: str
    labels: str
    content: str
    align_corners: bool
    ours_ms: float
    torch_ms: float
    opencv_ms: float | None
    different: int


def upsampling(say: Say) -> list[UpsamplingRow]:
    """Measure all cases, the three ways in turn."""
    rows = []
    for num_classes, coarse_hw, size_hw in CASES:
        for content in ('regions', 'noise'):
            for align_corners in (False, True):
                say(f'{num_classes} classes, {size_hw[0]}x{size_hw[1]}, {content}')
                make = _regions if content == 'regions' else _noise
                logits = make(num_classes, coarse_hw)
                rows.append(_row(logits, size_hw, content, align_corners))
    return rows


def _row(
    logits: np.ndarray, size_hw: tuple[int, int], content: str, align_corners: bool
) -> UpsamplingRow:
    ways = {
        'ours': lambda: labels_from_logits(logits, size_hw, align_corners=align_corners),
        'torch': lambda: _torch(logits, size_hw, align_corners),
    }
    if not align_corners:
        ways['opencv'] = lambda: _opencv(logits, size_hw)
    labels = {name: way() for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter_ns()
            way()
            times[name].append((time.perf_counter_ns() - start) / 1e6)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    return UpsamplingRow(
        classes=len(logits),
        logits=f'{logits.shape[1]}x{logits.shape[2]}',
        labels=f'{size_hw[0]}x{size_hw[1]}',
        content=content,
        align_corners=align_corners,
        ours_ms=medians['ours'],
        torch_ms=medians['torch'],
        opencv_ms=medians.get('opencv'),
        different=int(np.count_nonzero(labels['ours'] != labels['torch'])),
    )


def _torch(logits: np.ndarray, size_hw: tuple[int, int], align_corners: bool) -> np.ndarray:
    import torch
    from torch.nn import functional

    with torch.inference_mode():
        scores = functional.interpolate(
            torch.from_numpy(logits)[None], size_hw, mode='bilinear', align_corners=align_corners
        )
        return scores.argmax(1)[0].to(torch.uint8).numpy()


def _opencv(logits: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    scores = [cv2.resize(plane, size_hw[::-1]) for plane in logits]
    return np.argmax(scores, axis=0).astype(np.uint8)


def _regions(num_classes: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Make smooth regions with blurred borders and some noise, the same each time."""
    rng = np.random.default_rng(0)
    fields = rng.normal(size=(num_classes, 5, 7))
    owner = np.argmax([cv2.resize(field, size_hw[::-1]) for field in fields], axis=0)
    logits = rng.normal(0, 0.7, (num_classes, *size_hw)).astype(np.float32)
    for class_id in range(num_classes):
        logits[class_id] += 8 * cv2.GaussianBlur((owner == class_id).astype(np.float32), (0, 0), 1)
    return logits


def _noise(num_classes: int, size_hw: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(num_classes, *size_hw)).astype(np.float32)
