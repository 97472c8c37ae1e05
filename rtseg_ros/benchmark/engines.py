# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which engine to take: those that this machine has run one model file in turns."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
import math
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from rtseg_ros.benchmark.engine_choice import Choice, EngineContender, installed_choices
from rtseg_ros.benchmark.worker import Worker, started_as
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.frames.sample import made_items, read_items, source_name
from rtseg_ros.frames.sources import Item
from rtseg_ros.machine import machine
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.progress import Say
from rtseg_ros.runtime.model_file import ModelFile, read_model_file
from rtseg_ros.runtime.shipped import model_path

TIMED_FRAMES = 8
MOST_FRAMES = 500
TURN_S = 1.0
MINIMUM_TURNS = 3
MAXIMUM_RUNS = 1000
# The default stays unless another one is faster by this factor and labels as it does.
WORTH_IT = 1.05
# By the precision of the file; int8 rounds in other places in every engine, which tips pixels most
# where a network is least certain, as on made-up frames.
SAME_LABELS = {'fp32': 0.98, 'fp16': 0.98, 'int8': 0.9}
SAME_MIOU = 0.002


@dataclass
class Measured:
    """What one engine reached; NaN or None where there is no figure.

    Attributes:
        choice: The engine.
        precision: As the engine says after loading.
        load_s: Reading, compiling or fetching from a cache, and warming up.
        ms: Median time from frame to labels.
        ms_p5: 5th percentile, which other work on the machine disturbs least.
        ms_p95: 95th percentile.
        equal: Share of pixels with the label of the first engine that works.
        miou: Where frames with ground truth were given, 0..1.
        memory_mib: Largest resident memory of a process with nothing else in it.
        error: Why there are no figures; empty if there are.
    """

    choice: Choice
    precision: str = ''
    load_s: float = math.nan
    ms: float = math.nan
    ms_p5: float = math.nan
    ms_p95: float = math.nan
    equal: float | None = None
    miou: float | None = None
    memory_mib: float = math.nan
    error: str = ''


@dataclass(frozen=True)
class Comparison:
    """All engines on one model.

    Attributes:
        model: What was run.
        frames: Where the frames came from.
        rows: One for each engine.
        best: The engine to take.
        reason: Why.
    """

    model: ModelFile
    frames: str
    rows: tuple[Measured, ...]
    best: Choice
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; None where there is no figure."""
        rows = []
        for row in self.rows:
            values = {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in asdict(row).items()
            }
            del values['choice']
            rows.append({'engine': row.choice.name, 'parameters': row.choice.parameters, **values})
        return {
            'model': self.model.path.name,
            'sha256': self.model.sha256,
            'frames': self.frames,
            'machine': machine(),
            'engines': rows,
            'best': self.best.parameters,
            'reason': self.reason,
        }


def which_engine(
    model: str,
    *,
    frames: str = '',
    seconds: float = 10.0,
    choices: Sequence[Choice] | None = None,
    say: Say = lambda text: None,
) -> Comparison:
    """Let the engines of this machine label the same frames, in processes of their own.

    Args:
        model: .onnx file or shipped name.
        frames: Folder of images, folder with images and labels in it, or bag; empty for frames
            made on the spot.
        seconds: Time of each engine's turns together.
        choices: Engines to compare; None for all that are installed.
        say: Told what happens.

    Raises:
        BenchmarkError: If no engine is installed, or none can run the model.
        RtsegError: If the model or the frames cannot be read.
    """
    file = read_model_file(model_path(model))
    found = installed_choices() if choices is None else list(choices)
    if not found:
        raise BenchmarkError('no engine is installed; pip install onnxruntime, or openvino')
    items = made_items(file.size_hw, TIMED_FRAMES)
    if frames:
        items = read_items(frames, limit=MOST_FRAMES, labels=file.metadata.labels)
    rows = [Measured(choice) for choice in found]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        timed = _timed_frames(items, folder / 'frames.npy')
        running: list[tuple[Worker, Measured]] = []
        for row in rows:
            say(f'loading {row.choice.name}')
            make = partial(EngineContender, str(file.path), row.choice)
            try:
                worker = stack.enter_context(started_as(row.choice.name, make, timed))
                row.precision, row.load_s = worker.facts()['precision'], worker.load_s
                running.append((worker, row))
            except BenchmarkError as error:
                row.error = str(error)
        _take_turns(running, seconds, say)
        running = [(worker, row) for worker, row in running if not row.error]
        if not running:
            raise BenchmarkError('; '.join(row.error for row in rows))
        _compare_labels(running, items, file.metadata.labels.num_classes, say)
        for worker, row in running:
            row.memory_mib = worker.peak_memory_mib()
    same = SAME_LABELS[file.metadata.precision]
    best, reason = best_choice([row for _, row in running], same_labels=same)
    source = source_name(frames) if frames else 'made-up street scenes'
    return Comparison(file, f'{len(items)} frames, {source}', tuple(rows), best, reason)


def best_choice(rows: Sequence[Measured], *, same_labels: float) -> tuple[Choice, str]:
    """Return the engine to take and why.

    Args:
        rows: Of the engines that work; the first is the default, to which labels are compared.
        same_labels: Share of equal labels from which on another engine can be the best, where
            there is no ground truth.
    """
    default = rows[0]
    fit = [row for row in rows if row is default or _labels_as(row, default, same_labels)]
    fastest = min(fit, key=lambda row: row.ms)
    gain = default.ms / fastest.ms
    if fastest is not default and gain >= WORTH_IT:
        return fastest.choice, f'{gain:.2f} times as fast as {default.choice.name}'
    if fastest is not default:
        return default.choice, f'{fastest.choice.name} is faster by {gain - 1:.0%} only'
    others = [row.ms / default.ms for row in fit if row is not default]
    if not others:
        return default.choice, 'the only one here that labels so'
    return default.choice, f'{min(others):.2f} times as fast as the next one'


def _labels_as(row: Measured, default: Measured, same_labels: float) -> bool:
    if row.miou is not None and default.miou is not None:
        return row.miou >= default.miou - SAME_MIOU
    return row.equal is not None and row.equal >= same_labels


def _timed_frames(items: Sequence[Item], path: Path) -> Path:
    """Write the first frames, as many as have the first one's size, for all processes."""
    frames = [item.frame() for item in items[:TIMED_FRAMES]]
    np.save(path, np.stack([frame for frame in frames if frame.shape == frames[0].shape]))
    return path


def _take_turns(running: Sequence[tuple[Worker, Measured]], seconds: float, say: Say) -> None:
    times: dict[str, list[float]] = {row.choice.name: [] for _, row in running}
    turns = max(MINIMUM_TURNS, math.ceil(seconds / TURN_S))
    order = list(running)
    for turn in range(turns):
        say(f'turn {turn + 1} of {turns}')
        for worker, row in order:
            if row.error:
                continue
            most = math.ceil(MAXIMUM_RUNS / turns)
            try:
                times[row.choice.name] += worker.run(most, limit_s=seconds / turns).total_ms
            except BenchmarkError as error:
                row.error = str(error)
        if order:
            order.append(order.pop(0))  # nobody always runs after the same one
    for _, row in running:
        if not row.error:
            taken = times[row.choice.name]
            row.ms, row.ms_p5, row.ms_p95 = (float(np.percentile(taken, p)) for p in (50, 5, 95))


def _compare_labels(
    running: Sequence[tuple[Worker, Measured]],
    items: Sequence[Item],
    num_classes: int,
    say: Say,
) -> None:
    same = [0] * len(running)
    matrices = [ConfusionMatrix(num_classes) for _ in running]
    pixels = labelled = 0
    for number, item in enumerate(items):
        say(f'comparing labels, {number + 1} of {len(items)}')
        frame, truth = item.frame(), item.truth()
        labels = [worker.labels_of(frame) for worker, _ in running]
        pixels += labels[0].size
        for index, mine in enumerate(labels):
            same[index] += int((mine == labels[0]).sum())
        if truth is not None and truth.shape == labels[0].shape:
            labelled += 1
            for matrix, mine in zip(matrices, labels, strict=True):
                matrix.add(truth, mine)
    for (_, row), count, matrix in zip(running, same, matrices, strict=True):
        row.equal = count / pixels
        row.miou = matrix.miou() if labelled else None
