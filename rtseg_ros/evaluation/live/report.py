# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report of what was seen on a running graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import Any

import numpy as np

from rtseg_ros.evaluation.live.matcher import LiveMatcher, score
from rtseg_ros.evaluation.live.spool import Spool
from rtseg_ros.evaluation.recorder import ASSUMED_CLASSES, Recorder
from rtseg_ros.evaluation.report.report import model_facts, report_from_recorder, write_report
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime.model_file import ModelFile

RESTARTED = 'the node was restarted: its counters started again, and were added up'
_STAGE = re.compile(r'(\w+)_ms_(p50|p95|p99|max)')


@dataclass
class LiveRun:
    """One period of listening.

    Attributes:
        matcher: Finished.
        spool: Closed.
        node_before: The node's diagnostics at the start, empty if there were none.
        node_after: And at the end.
        node_earlier: The last of every run of the node that ended in between: it was restarted.
        facts: Further figures, in plain types.
        error: What ended it early; None after a regular end.
    """

    matcher: LiveMatcher
    spool: Spool
    node_before: Mapping[str, str] = field(default_factory=dict)
    node_after: Mapping[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    node_earlier: Sequence[Mapping[str, str]] = ()

    @property
    def stopped_by(self) -> str:
        """Why it ended early, in words; empty if it did not."""
        if self.error is None:
            return ''
        return 'interrupted' if isinstance(self.error, KeyboardInterrupt) else str(self.error)


def node_counts(run: LiveRun) -> dict[str, int]:
    """Return what the node counted in between; empty without diagnostics.

    A node that was restarted counts from nothing again: what it had counted until then is in
    ``node_earlier``.
    """
    counts = {}
    for name in ('received', *BINS):
        if name in run.node_after:
            earlier = sum(int(values.get(name, 0)) for values in run.node_earlier)
            before = int(run.node_before.get(name, 0))
            counts[name] = max(earlier + int(run.node_after[name]) - before, 0)
    return counts


def started_again(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Tell whether a node's counters are below those of its diagnostics before."""
    names = [name for name in ('received', *BINS) if name in before and name in now]
    return any(int(now[name]) < int(before[name]) for name in names)


def report_live(
    run: LiveRun,
    *,
    output: Path,
    model: ModelFile,
    truth_labels: LabelSet | None,
    truth_table: np.ndarray | None = None,
    source: Mapping[str, Any],
    mapping: str | Path | None,
    boundary: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Score the spooled masks and write the report.

    Args:
        run: What was seen.
        output: Folder of the report.
        model: The file that the node ran.
        truth_labels: Meaning of the ground truth; None to take it for the model's classes.
        truth_table: (256,) uint8, id in the label images to class id; None if equal.
        source: What the images came from.
        mapping: YAML class mapping, where the label sets differ.
        boundary: Whether to compute the boundary F-score.
        progress: Called with the number of frames scored.

    Raises:
        EvaluationError: If the classes of model and ground truth cannot be compared.
    """
    labels = truth_labels or model.metadata.labels
    alignment = align(model.metadata.labels, labels, mapping=mapping)
    accuracy = Accuracy(alignment, labels, boundary=boundary)
    with Recorder(output, accuracy) as recorder:
        score(run.spool, recorder, truth_table=truth_table, progress=progress)
    counts = node_counts(run)
    recorder.explain_lost(counts)
    for problem, count in run.matcher.problems.items():
        recorder.note(problem, count)
    if truth_labels is None and accuracy.frames:
        recorder.note(ASSUMED_CLASSES, accuracy.frames)
    if run.node_earlier:
        recorder.note(RESTARTED, len(run.node_earlier))
    figures = run.matcher.figures()
    after = run.node_after
    if after.get('model_sha256', '') not in ('', model.sha256):
        recorder.note(f'the node ran another model: {after.get("model")}', run.spool.count)
    keys = ('engine', 'precision', 'precision_reason', 'device')
    engine = {key: after[key] for key in keys if key in after}
    report = report_from_recorder(
        recorder,
        mode='live',
        source=source,
        model=model_facts(model) | engine,
        fps=figures['masks_hz'],
        mapping=alignment.text,
        stopped_by=run.stopped_by,
    )
    report['latency_ms'] |= _node_stages(after)
    report['live'] = figures | run.facts | {'node_counts': counts}
    write_report(output, report, recorder)
    return report


def _node_stages(diagnostics: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return the stage times that the node measured itself, over its last 1000 frames."""
    stages: dict[str, dict[str, float]] = {}
    for key, value in diagnostics.items():
        match = _STAGE.fullmatch(key)
        if match:
            stages.setdefault(f'node_{match[1]}', {})[match[2]] = float(value)
    return stages
