# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""An offline evaluation from settings to report: load, calibrate if asked, score, write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtseg_ros.evaluation.calibrate import (
    Calibration,
    calibrate,
    check_temperature_can_be_stored,
    store_temperature,
)
from rtseg_ros.evaluation.evaluate import evaluate
from rtseg_ros.evaluation.report.report import (
    report_from_recorder,
    segmenter_facts,
    write_report,
)
from rtseg_ros.frames.sources import Source
from rtseg_ros.progress import Staged
from rtseg_ros.runtime import Segmenter, load_segmenter
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.shipped import model_path


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated, and how; live or not.

    Attributes:
        model: Path of the .onnx, or shipped name.
        output: Folder of the report.
        engine: That runs the model.
        providers: Of ONNX Runtime.
        threads: Of one inference in ONNX Runtime; 0 for one per core.
        openvino: Options of that engine.
        mapping: YAML class mapping, where the label sets differ; empty if they do not.
        boundary: Whether to compute the boundary F-score.
        limit: Stop after so many frames; 0 for all.
    """

    model: str
    output: Path
    engine: str = 'onnxruntime'
    providers: tuple[str, ...] = ('CPUExecutionProvider',)
    threads: int = 0
    openvino: OpenVinoOptions = field(default_factory=OpenVinoOptions)
    mapping: str = ''
    boundary: bool = True
    limit: int = 0

    def frames_of(self, source: Source) -> int:
        """Return how many frames of a source are used."""
        return min(len(source), self.limit) if self.limit else len(source)


@dataclass(frozen=True)
class Evaluated:
    """How an evaluation ended; its report is written already.

    Attributes:
        report: What report.json holds.
        error: What ended it early, to be raised once the report was shown; None after a
            regular end.
    """

    report: dict[str, Any]
    error: BaseException | None


def evaluate_offline(
    settings: EvaluationSettings,
    source: Source,
    *,
    with_calibration: bool = False,
    say: Callable[[str], None],
    progress: Staged,
) -> Evaluated:
    """Score a model on every frame of a source, and write the report.

    Args:
        settings: What, and how.
        source: Frames and ground truth.
        with_calibration: First fit the temperature of the confidence and store it in the model.
        say: Told what the calibration came to.
        progress: Told how far loading, calibrating and scoring are.

    Raises:
        RtsegError: If the model cannot be loaded or calibrated, or the classes not compared.
    """
    if with_calibration:
        check_temperature_can_be_stored(model_path(settings.model))
    segmenter = load(settings, progress)
    calibration = None
    if with_calibration:
        calibration = _calibrate(segmenter, source, settings.model, progress)
        say(_summary(calibration, settings.model))
        segmenter.close()
        segmenter = load(settings, progress)
    total = settings.frames_of(source)
    outcome = evaluate(
        segmenter,
        source,
        output=settings.output,
        mapping=settings.mapping or None,
        boundary=settings.boundary,
        limit=settings.limit,
        progress=lambda count: progress('', count, total),
    )
    totals = outcome.recorder.latencies.stages.get('total')
    report = report_from_recorder(
        outcome.recorder,
        mode='offline',
        source=source.facts(),
        model=segmenter_facts(segmenter),
        fps=1000 / totals.mean() if totals else None,
        mapping=outcome.mapping,
        stopped_by=outcome.stopped_by,
    )
    if calibration is not None:
        report['calibration'] = calibration.to_dict()
    write_report(settings.output, report, outcome.recorder)
    return Evaluated(report, outcome.error)


def load(settings: EvaluationSettings, progress: Staged) -> Segmenter:
    """Load the model; told are the minutes that an engine may take to build."""
    return load_segmenter(
        settings.model,
        engine=settings.engine,
        providers=settings.providers,
        threads=settings.threads,
        openvino=settings.openvino,
        progress=lambda fraction, what: progress(what, fraction, 1.0),
    )


def _calibrate(segmenter: Segmenter, source: Source, model: str, progress: Staged) -> Calibration:
    total = len(source)
    calibration = calibrate(
        segmenter, source, progress=lambda count: progress('calibrate', count, total)
    )
    if calibration.improves:
        store_temperature(model_path(model), calibration.temperature_after)
    return calibration


def _summary(calibration: Calibration, model: str) -> str:
    what = f'stored in {model_path(model)}' if calibration.improves else 'the old one is kept'
    return (
        f'temperature {calibration.temperature_before:.3f} -> '
        f'{calibration.temperature_after:.3f}, ECE {100 * calibration.ece_before:.2f} % -> '
        f'{100 * calibration.ece_after:.2f} %, {what}'
    )
