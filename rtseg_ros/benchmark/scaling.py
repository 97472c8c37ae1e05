# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How time and memory grow with frame size, number of cameras and number of classes."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
import tempfile

import numpy as np

from rtseg_ros.benchmark.contenders.contender import OURS
from rtseg_ros.benchmark.preparation import prepare
from rtseg_ros.benchmark.subject import Source
from rtseg_ros.benchmark.worker import started
from rtseg_ros.progress import Say

# 0.1 to 8 megapixels, 4 : 3 to 16 : 9, sides that every network takes without padding.
SIZES = (
    (256, 384),
    (384, 640),
    (512, 1024),
    (736, 1280),
    (1088, 1920),
    (1536, 2560),
    (2112, 3840),
)
CAMERAS = (1, 2, 4, 8)
CLASSES = (2, 8, 19, 50, 150)
CLASSES_SIZE_HW = (512, 1024)
CAMERAS_SIZE_HW = (384, 640)


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Attributes:
        x: Megapixels, cameras or classes.
        total_ms: Median time of a frame; with cameras, time in which all get their labels.
        stages_ms: Median time of each stage.
        memory_mib: Largest resident memory of all processes together.
        fps: Frames per second of all cameras together.
    """

    x: float
    total_ms: float
    stages_ms: dict[str, float]
    memory_mib: float
    fps: float


@dataclass(frozen=True)
class Curve:
    """Points over one quantity.

    Attributes:
        name: ``frame size``, ``cameras, one process each``, ``cameras, one process``, ``classes``.
        unit: Of x.
        points: In order of x.
    """

    name: str
    unit: str
    points: list[Point]


def scaling(network: str, source: Source, *, seconds: float, device: str, say: Say) -> list[Curve]:
    """Measure all curves with our Segmenter.

    Args:
        network: Name in the zoo; may be empty if the checkpoint says it.
        source: Weights and frames; the curve over classes always has random weights.
        seconds: Time per point.
        device: ``cpu`` or ``cuda``.
        say: Told what happens.
    """
    sizes, classes = [], []
    for size_hw in SIZES:
        say(f'frame size {size_hw[0]}x{size_hw[1]}')
        megapixels = size_hw[0] * size_hw[1] / 1e6
        sizes.append(_single(network, size_hw, source, megapixels, seconds, device))
    for count in CLASSES:
        say(f'{count} classes')
        random = replace(source, checkpoint='', num_classes=count)
        name = network or 'swiftnet_mnv2'
        classes.append(_single(name, CLASSES_SIZE_HW, random, count, seconds, device))
    alone, shared = _cameras(network, source, seconds, device, say)
    return [
        Curve('frame size', 'megapixels', sizes),
        Curve('classes', 'classes', classes),
        Curve('cameras, one process each', 'cameras', alone),
        Curve('cameras, one process', 'cameras', shared),
    ]


def _single(
    network: str,
    size_hw: tuple[int, int],
    source: Source,
    x: float,
    seconds: float,
    device: str,
) -> Point:
    with tempfile.TemporaryDirectory() as folder:
        subject = prepare(network, size_hw, source, Path(folder), plain=False)
        with started(subject, OURS, device=device) as worker:
            count = _count(worker.run(1).total_ms, seconds)
            runs = worker.run(count)
            memory_mib = worker.peak_memory_mib()
    total_ms = float(np.median(runs.total_ms))
    stages_ms = {name: float(np.median(values)) for name, values in runs.stages_ms.items()}
    return Point(x, total_ms, stages_ms, memory_mib, 1000 / total_ms)


def _cameras(
    network: str, source: Source, seconds: float, device: str, say: Say
) -> tuple[list[Point], list[Point]]:
    """Compare one process per camera with one process that serves all in turn."""
    alone, shared = [], []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        subject = prepare(network, CAMERAS_SIZE_HW, source, Path(folder), plain=False)
        workers = [stack.enter_context(started(subject, OURS, device=device))]
        count = _count(workers[0].run(1).total_ms, seconds)
        for cameras in CAMERAS:
            say(f'{cameras} cameras')
            while len(workers) < cameras:
                workers.append(stack.enter_context(started(subject, OURS, device=device)))
            each = max(2, count // cameras)
            for worker in workers:
                worker.run_later(each)
            times = [worker.finish().total_ms for worker in workers]
            memory_mib = sum(worker.peak_memory_mib() for worker in workers)
            fps = sum(1000 * len(one) / sum(one) for one in times)
            alone.append(Point(cameras, 1000 * cameras / fps, {}, memory_mib, fps))
            one_ms = float(np.median(workers[0].run(each).total_ms))
            memory_mib = workers[0].peak_memory_mib()
            shared.append(Point(cameras, cameras * one_ms, {}, memory_mib, 1000 / one_ms))
    return alone, shared


def _count(times_ms: Iterable[float], seconds: float) -> int:
    return max(3, int(1000 * seconds / min(times_ms)))
