# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: ``report.json`` for machines, ``report.html`` for people."""

from collections.abc import Mapping
from datetime import datetime, timezone
import importlib.metadata
from pathlib import Path
import shlex
import sys
from typing import Any

from rtseg_ros import __version__
from rtseg_ros.evaluation.recorder import Recorder
from rtseg_ros.evaluation.report.html import page
from rtseg_ros.evaluation.usable import why_unusable
from rtseg_ros.machine import machine
from rtseg_ros.output_files import write_json, write_text
from rtseg_ros.runtime import Segmenter
from rtseg_ros.runtime.model_file import ModelFile

FORMAT = 1
# Distributions whose version can change a figure.
_DISTRIBUTIONS = (
    'numpy', 'opencv-python-headless', 'opencv-python', 'onnxruntime', 'onnxruntime-gpu',
    'tensorrt', 'rosbags', 'rclpy',
)  # fmt: skip


def report_from_recorder(
    recorder: Recorder,
    *,
    mode: str,
    source: Mapping[str, Any],
    model: Mapping[str, Any],
    fps: float | None,
    mapping: str,
    stopped_by: str,
) -> dict[str, Any]:
    """Put together everything that ``report.json`` holds; see docs/evaluation.md.

    Args:
        recorder: What was seen.
        mode: ``offline`` or ``live``.
        source: What ``Source.facts`` says.
        model: What ``model_facts`` says.
        fps: Masks per second.
        mapping: How classes were compared.
        stopped_by: Why it ended early; empty if it did not.
    """
    accuracy = recorder.accuracy
    report: dict[str, Any] = {
        'format': FORMAT,
        'mode': mode,
        'complete': not stopped_by,
        'stopped_by': stopped_by,
    }
    if accuracy is not None:
        report |= accuracy.figures()
        report |= {
            'frames_with_truth': accuracy.frames,
            'unknown_labels': {
                'pixels': accuracy.unknown_pixels,
                'frames': accuracy.unknown_frames,
            },
            'labels': accuracy.labels.to_dict(),
        }
    accounting = recorder.accounting()
    expects_truth = bool(source.get('labels_topic')) or source.get('kind') == 'dataset'
    return report | {
        'unusable': why_unusable(recorder, expects_truth=expects_truth),
        'frames': accounting['received'],
        'accounting': accounting,
        'reasons': dict(recorder.reasons.most_common()),
        'latency_ms': recorder.latencies.summary(),
        'fps': fps,
        'mapping': mapping,
        'source': dict(source),
        'model': dict(model),
        'machine': machine(),
        'versions': versions(),
        'command': shlex.join(sys.argv),
        'created': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }


def model_facts(model: ModelFile) -> dict[str, Any]:
    """Describe a model file in plain types."""
    metadata = model.metadata
    return {
        'file': model.path.name,
        'sha256': model.sha256,
        'network': metadata.network,
        'size_hw': list(model.size_hw),
        'classes': list(metadata.labels.names),
        'precision': metadata.precision,
        'temperature': metadata.temperature,
        'checkpoint_sha256': metadata.checkpoint_sha256,
    }


def segmenter_facts(segmenter: Segmenter) -> dict[str, Any]:
    """Describe a loaded model and what runs it."""
    engine = segmenter.engine
    return model_facts(engine.model) | {
        'precision': engine.precision,
        'precision_reason': engine.precision_reason,
        'engine': engine.name,
        'device': engine.device,
    }


def versions() -> dict[str, str]:
    """Return the versions of this package and of what its figures depend on."""
    found = {'rtseg_ros': __version__}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_report(output: Path, report: Mapping[str, Any], recorder: Recorder) -> None:
    """Write ``report.json`` and ``report.html`` into a folder."""
    write_json(output / 'report.json', report)
    html = page(report, timeline=recorder.timeline, latencies=recorder.latencies,
                previews=recorder.previews.chosen())  # fmt: skip
    write_text(output / 'report.html', html)
