# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The loop: every frame through the model, its picture to where it goes."""

from collections.abc import Callable
from dataclasses import dataclass, field
import time
from typing import Any, Protocol

import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.footage import Footage
from rtseg_ros.metrics.latency import StageLatencies
from rtseg_ros.runtime import Segmenter
from rtseg_ros.segmenting.destination import Destination
from rtseg_ros.segmenting.hints import stretch_hint
from rtseg_ros.segmenting.painter import Painter


class View(Protocol):
    """Somewhere to look while it goes on."""

    def show(self, picture: np.ndarray, text: str) -> None:
        """Show (H, W, 3) uint8 BGR and a line about it."""


@dataclass
class Outcome:
    """What became of the frames.

    Attributes:
        segmented: Frames that were labelled and written.
        failed: Frames that could be read, but not labelled.
        size_hw: Of the first frame.
        wall_s: Time from the first frame to the last.
        pixels: (256,) pixels of each id.
        timing: Of the stages decode, preprocess, infer, upsample and write.
        problems: What went wrong, one sentence each.
        hints: What could be done otherwise.
        stopped: Why it ended before the footage did; empty if it did not.
    """

    segmented: int = 0
    failed: int = 0
    size_hw: tuple[int, int] = (0, 0)
    wall_s: float = 0.0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    timing: StageLatencies = field(default_factory=StageLatencies)
    problems: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    stopped: str = ''


def segment_footage(
    footage: Footage,
    segmenter: Segmenter,
    *,
    painter: Painter,
    destination: Destination | None = None,
    view: View | None = None,
    limit: int = 0,
    stop: Callable[[], str] = lambda: '',
    progress: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Label every frame until the footage ends.

    Args:
        footage: Is closed afterwards.
        segmenter: Labels at the frame's size.
        painter: Draws.
        destination: Where files go; None for nowhere.
        view: Where people look; None for nowhere.
        limit: Stop after so many frames; 0 for none.
        stop: Asked after every frame; says why to stop, or nothing.
        progress: Told how many frames are done.

    Raises:
        EngineError: If the engine fails; a video that was begun is discarded then.
        OSError: If a file cannot be written; the same.
    """
    outcome = Outcome()
    try:
        _loop(footage, segmenter, outcome, painter, destination, view, limit, stop, progress)
        if destination is not None and outcome.segmented:
            destination.write_legend(painter.legend(max(32 * painter.labels.num_classes, 64)))
            destination.close()
    except BaseException:
        if destination is not None:
            destination.discard()
        raise
    finally:
        footage.close()
    outcome.problems = [*footage.problems, *outcome.problems]
    outcome.hints += footage.notes
    if destination is not None and destination.fallback and outcome.segmented:
        outcome.hints.append(destination.fallback)
    return outcome


def _loop(
    footage: Footage,
    segmenter: Segmenter,
    outcome: Outcome,
    painter: Painter,
    destination: Destination | None,
    view: View | None,
    limit: int,
    stop: Callable[[], str],
    progress: Callable[[int], None],
) -> None:
    start = before = time.perf_counter_ns()
    for shot in footage:
        read = time.perf_counter_ns()
        try:
            result = segmenter(shot.frame)
        except FrameError as error:
            outcome.failed += 1
            outcome.problems.append(f'{shot.name}: {error}')
            before = time.perf_counter_ns()
            continue
        if not outcome.segmented:
            outcome.size_hw = shot.frame.shape[0], shot.frame.shape[1]
        hint = stretch_hint(segmenter, (shot.frame.shape[0], shot.frame.shape[1]))
        if hint and hint not in outcome.hints:
            outcome.hints.append(hint)
        labelled = time.perf_counter_ns()
        picture = painter(shot.frame, result.labels)
        if destination is not None:
            destination.write(shot, picture, result.labels)
        outcome.segmented += 1
        outcome.pixels += np.bincount(result.labels.ravel(), minlength=256)
        now = time.perf_counter_ns()
        outcome.wall_s = (now - start) / 1e9
        outcome.timing.add(
            {'decode': (read - before) / 1e6}
            | result.timing_ms
            | {'write': (now - labelled) / 1e6}
        )
        if view is not None:
            rate_hz = outcome.segmented / outcome.wall_s
            view.show(picture, f'frame {outcome.segmented}, {rate_hz:.1f} per second')
        progress(outcome.segmented + outcome.failed)
        outcome.stopped = stop()
        if not outcome.stopped and limit and outcome.segmented == limit:
            outcome.stopped = 'limit'
        if outcome.stopped:
            return
        before = time.perf_counter_ns()


def summary_from_outcome(
    outcome: Outcome, footage: Footage, segmenter: Segmenter, destination: Destination | None
) -> dict[str, Any]:
    """Return the outcome in plain types, for machines."""
    labels, engine = segmenter.labels, segmenter.engine
    pixels = int(outcome.pixels.sum())
    shares = {
        name: float(outcome.pixels[index] / pixels) if pixels else 0.0
        for index, name in enumerate(labels.names)
    }
    return {
        'input': footage.name,
        'kind': footage.kind,
        'frames': {
            'announced': footage.total,
            'segmented': outcome.segmented,
            'failed': outcome.failed,
            'skipped': getattr(footage, 'skipped', 0),
        },
        'stopped_by': outcome.stopped,
        'problems': outcome.problems,
        'hints': outcome.hints,
        'size_hw': list(outcome.size_hw),
        'rate_hz': footage.rate_hz,
        'wall_s': outcome.wall_s,
        'timing_ms': outcome.timing.summary(),
        'classes': shares,
        'unlabelled': 1 - sum(shares.values()) if pixels else 0.0,
        'outputs': [] if destination is None else [str(path) for path in destination.written],
        'model': {
            'file': engine.model.path.name,
            'sha256': engine.model.sha256,
            'engine': engine.name,
            'device': engine.device,
            'precision': engine.precision,
        },
    }
