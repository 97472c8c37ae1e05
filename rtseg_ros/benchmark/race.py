# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A race: all contenders of one subject take turns, so that each meets the same machine."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
import math
import shutil

import numpy as np

from rtseg_ros.benchmark.contenders import matrix_peak
from rtseg_ros.benchmark.contenders.contender import OUR_WAYS, OURS_OPENVINO
from rtseg_ros.benchmark.contenders.cpu import compiled_folder
from rtseg_ros.benchmark.contenders.matrix_peak import PEAK, PEAK_PRECISIONS
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.benchmark.worker import Runs, Worker, started
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.progress import Say
from rtseg_ros.runtime.model_file import output_table, read_model_file

# Length of one turn: long enough to fill caches and clocks, short against the machine's moods.
TURN_S = 1.0
MINIMUM_TURNS = 3


@dataclass(frozen=True)
class Entrant:
    """A contender in one precision; only ours have several."""

    name: str
    precision: str = 'fp32'


@dataclass
class Result:
    """What one contender reached on one subject.

    Attributes:
        subject: What was run.
        entrant: Who ran it.
        runs: Times of all frames, in ms.
        peak_memory_mib: Largest resident memory of its process, libraries included.
        load_s: Time to be made and to label its first frames, libraries included.
        load_again_s: The same with what it compiled in its cache; NaN where it keeps none.
        agreement: Share of pixels labelled as by the reference; None where there is none.
        runs_in: Precision of its layers, as ours read it back; empty of the others.
        error: Why it gave nothing; empty if it did.
    """

    subject: Subject
    entrant: Entrant
    runs: Runs = field(default_factory=lambda: Runs([], {}))
    peak_memory_mib: float = math.nan
    load_s: float = math.nan
    load_again_s: float = math.nan
    agreement: float | None = None
    runs_in: str = ''
    error: str = ''

    def percentile(self, percent: float) -> float:
        """Return the time of a frame in ms; NaN if none was run."""
        return (
            float(np.percentile(self.runs.total_ms, percent)) if self.runs.total_ms else math.nan
        )

    def stage_ms(self) -> dict[str, float]:
        """Return the median time of each stage in ms."""
        return {name: float(np.median(values)) for name, values in self.runs.stages_ms.items()}


def race(
    subject: Subject,
    entrants: Sequence[Entrant],
    *,
    seconds: float,
    device: str,
    maximum_runs: int,
    say: Say,
) -> tuple[list[Result], dict[str, float]]:
    """Let all entrants run in turns.

    Args:
        subject: What to run.
        entrants: Who runs; the first that is not ours and works is the reference for labels.
        seconds: Time of each entrant's turns together.
        device: ``cpu`` or ``cuda``.
        maximum_runs: Most frames of each entrant.
        say: Told what happens.

    Returns:
        One result per entrant, in their order, and the matrix peak of each precision that the
        device has, in multiply-accumulates per second.
    """
    peaks = [Result(subject, Entrant(PEAK, kind)) for kind in PEAK_PRECISIONS[device]]
    results = [Result(subject, entrant) for entrant in entrants]
    with ExitStack() as stack:
        running: list[tuple[Worker, Result]] = []
        for result in [*results, *peaks]:
            name, precision = result.entrant.name, result.entrant.precision
            say(f'starting {name} {precision}')
            try:
                if name == OURS_OPENVINO:
                    shutil.rmtree(compiled_folder(subject), ignore_errors=True)
                    with started(subject, name, precision=precision, device=device) as first:
                        result.load_s = first.load_s
                start = started(subject, name, precision=precision, device=device)
                worker = stack.enter_context(start)
                if name == OURS_OPENVINO:
                    result.load_again_s = worker.load_s
                else:
                    result.load_s = worker.load_s
                result.runs_in = worker.facts().get('precision', '')
                running.append((worker, result))
            except BenchmarkError as error:
                result.error = str(error)
        _compare_labels([pair for pair in running if pair[1].entrant.name != PEAK])
        turns = max(MINIMUM_TURNS, math.ceil(seconds / TURN_S))
        most = math.ceil(maximum_runs / turns)
        order = list(range(len(running)))
        for turn in range(turns):
            say(f'turn {turn + 1} of {turns}')
            for index in order:
                _take_turn(*running[index], most, seconds / turns)
            order.append(order.pop(0))  # nobody always runs after the same one
        for worker, result in running:
            if not result.error:
                result.peak_memory_mib = worker.peak_memory_mib()
    if peaks[0].error:
        raise BenchmarkError(f'the matrix peak cannot be measured: {peaks[0].error}')
    macs = matrix_peak.multiply_accumulates(device)
    return results, {
        peak.entrant.precision: macs / peak.percentile(10) * 1000
        for peak in peaks
        if not peak.error
    }


def _take_turn(worker: Worker, result: Result, most: int, turn_s: float) -> None:
    if result.error:
        return
    try:
        new = worker.run(most, limit_s=turn_s)
    except BenchmarkError as error:
        result.error = str(error)
        return
    result.runs.total_ms.extend(new.total_ms)
    for stage, values in new.stages_ms.items():
        result.runs.stages_ms.setdefault(stage, []).extend(values)


def _compare_labels(running: list[tuple[Worker, Result]]) -> None:
    """Set the agreement of every result with the first contender that is not ours."""
    reference = None
    for worker, result in sorted(running, key=lambda pair: pair[1].entrant.name in OUR_WAYS):
        try:
            labels = worker.labels()
        except BenchmarkError as error:
            result.error = str(error)
            continue
        if result.entrant.name not in OUR_WAYS:
            # The others know nothing of an output that means unlabelled.
            metadata = read_model_file(result.subject.models['fp32']).metadata
            labels = _mapped(labels, output_table(metadata))
        if reference is not None:
            result.agreement = float(np.mean(labels == reference))
        elif result.entrant.name not in OUR_WAYS:
            reference = labels


def _mapped(labels: np.ndarray, table: np.ndarray | None) -> np.ndarray:
    return labels if table is None else table[labels]
