# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Offline evaluation: every frame of a source through the segmenter, without ROS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtseg_ros.errors import EngineError, RtsegError
from rtseg_ros.evaluation.recorder import ASSUMED_CLASSES, Recorder
from rtseg_ros.frames.sources import Item, Source
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime import Segmenter


@dataclass(frozen=True)
class Outcome:
    """How an evaluation ended.

    Attributes:
        recorder: What was seen; closed.
        stopped_by: Why it ended before the source did; empty if it did not.
        mapping: How classes were compared; empty without ground truth.
        error: What to raise once the report is written; None after a regular end.
    """

    recorder: Recorder
    stopped_by: str
    mapping: str
    error: BaseException | None


def evaluate(
    segmenter: Segmenter,
    source: Source,
    *,
    output: Path,
    mapping: str | Path | None = None,
    boundary: bool = True,
    limit: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Segment and score every frame.

    A frame that cannot be read or segmented is counted and left out. Ctrl-C, or a source that
    breaks off, ends the run; what was done so far is in the outcome.

    Args:
        segmenter: Loaded and warm.
        source: Frames and ground truth.
        output: Folder that receives ``frames.jsonl``.
        mapping: YAML class mapping, where the label sets differ.
        boundary: Whether to compute the boundary F-score.
        limit: Stop after so many frames; 0 for all.
        progress: Called with the number of frames done.

    Raises:
        EvaluationError: If the classes of model and ground truth cannot be compared.
    """
    truth_labels = source.labels or segmenter.labels
    alignment = align(segmenter.labels, truth_labels, mapping=mapping)
    accuracy = Accuracy(alignment, truth_labels, boundary=boundary)
    stopped_by = ''
    error: BaseException | None = None
    first_stamp_ns = 0
    with Recorder(output, accuracy) as recorder:
        try:
            for count, item in enumerate(source, 1):
                since_start_s = None
                # A camera that does not stamp says 0.
                if item.stamp_ns is not None and item.stamp_ns > 0:
                    first_stamp_ns = first_stamp_ns or item.stamp_ns
                    since_start_s = (item.stamp_ns - first_stamp_ns) / 1e9
                _one(
                    segmenter, item, recorder,
                    time_s=float(count - 1), since_start_s=since_start_s,
                )  # fmt: skip
                progress(count)
                if count == limit:
                    break
        except KeyboardInterrupt as interruption:
            stopped_by, error = 'interrupted', interruption
        except RtsegError as failure:
            stopped_by, error = str(failure), failure
    for problem, count in source.problems.items():
        recorder.note(problem, count)
    if source.labels is None and accuracy.frames:
        recorder.note(ASSUMED_CLASSES, accuracy.frames)
    return Outcome(recorder, stopped_by, alignment.text, error)


def _one(
    segmenter: Segmenter,
    item: Item,
    recorder: Recorder,
    *,
    time_s: float,
    since_start_s: float | None,
) -> None:
    try:
        frame = item.frame()
    except RtsegError as error:
        recorder.dropped(item.name, 'rejected', time_s=time_s, reason=str(error))
        return
    try:
        result = segmenter(frame)
    except EngineError as error:
        recorder.dropped(item.name, 'failed', time_s=time_s, reason=str(error))
        return
    except RtsegError as error:
        recorder.dropped(item.name, 'rejected', time_s=time_s, reason=str(error))
        return
    truth, instances = read_truth(item, frame, recorder.note)
    recorder.published(
        item.name,
        prediction=result.labels,
        timing_ms={**result.timing_ms, 'total': sum(result.timing_ms.values())},
        time_s=time_s,
        frame=frame,
        truth=truth,
        instances=instances,
        continues=item.continues,
        since_start_s=since_start_s,
    )


def read_truth(
    item: Item, frame: np.ndarray, note: Callable[[str], None]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Read ground truth and instances of a frame; what cannot be used is noted, and none."""
    try:
        truth, instances = item.truth(), item.instances()
    except RtsegError as error:
        note(f'ground truth not used: {error}')
        return None, None
    for pixels in (truth, instances):
        if pixels is not None and pixels.shape != frame.shape[:2]:
            note(
                f'ground truth not used: it is {pixels.shape[1]}x{pixels.shape[0]}, the frame '
                f'{frame.shape[1]}x{frame.shape[0]}'
            )
            return None, None
    return truth, instances
