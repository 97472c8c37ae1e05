# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The evaluation of one bag: what a worker is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
import json
from typing import Any

from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.openvino.options import OpenVinoOptions

# How one bag ended. A partial one counts with the frames before its break.
DONE, PARTIAL, FAILED = 'done', 'partial', 'failed'


@dataclass(frozen=True)
class Model:
    """A model by content, so that a worker needs no path of the driver.

    Attributes:
        name: Of the file.
        sha256: Of the content.
        content: The whole file.
    """

    name: str
    sha256: str
    content: bytes


@dataclass(frozen=True)
class TaskSettings:
    """What is the same for all bags.

    Attributes:
        image_topic: As ``BagSource`` takes it; the following likewise.
        labels_topic: Label images.
        labels: Meaning of the label images; None to take it from the bag.
        labels_colors: Whether they show colours.
        pair_ns: Tolerance of stamps.
        max_gap_s: Longest step that is no pause.
        generic_order: Of colours whose encoding does not name it.
        mapping: Pairs of class names; None if not needed.
        boundary: Whether to compute the boundary F-score.
        limit: Stop after so many frames of a bag; 0 for all.
        engine: What runs the model.
        providers: Of ONNX Runtime.
        threads: Of one inference.
        openvino: Options of that engine.
        pictures: Worst moments of a bag that a picture is kept of.
    """

    image_topic: str = ''
    labels_topic: str = ''
    labels: LabelSet | None = None
    labels_colors: bool = False
    pair_ns: int = 0
    max_gap_s: float = 5.0
    generic_order: str = 'bgr'
    mapping: Mapping[str, str] | None = None
    boundary: bool = True
    limit: int = 0
    engine: str = 'onnxruntime'
    providers: tuple[str, ...] = ('CPUExecutionProvider',)
    threads: int = 1
    openvino: OpenVinoOptions = field(default_factory=OpenVinoOptions)
    pictures: int = 3

    def key(self) -> dict[str, Any]:
        """Return what a bag's figures depend on, in plain types as JSON gives them back.

        How many threads ran changes times alone, so it is left out.
        """
        values = {
            'image_topic': self.image_topic,
            'labels_topic': self.labels_topic,
            'labels': None if self.labels is None else self.labels.to_dict(),
            'labels_colors': self.labels_colors,
            'pair_ns': self.pair_ns,
            'max_gap_s': self.max_gap_s,
            'generic_order': self.generic_order,
            'mapping': None if self.mapping is None else dict(self.mapping),
            'boundary': self.boundary,
            'limit': self.limit,
            'engine': self.engine,
            'providers': self.providers,
            'openvino': asdict(self.openvino),
            'pictures': self.pictures,
        }
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain


@dataclass(frozen=True)
class Work:
    """What every worker holds: the models and the settings.

    Attributes:
        model: Under test.
        against: Another one, to compare masks with; None for none.
        settings: The same for all bags.
        version: Of this package in the driver.
    """

    model: Model
    against: Model | None
    settings: TaskSettings
    version: str


@dataclass(frozen=True)
class Moment:
    """A picture of a frame that was among the worst of its bag.

    Attributes:
        frame: Index of the frame in its bag.
        score: mIoU, or the mean confidence where there is no ground truth, 0 to 1.
        what: Which of both.
        jpeg: The overlay, at most 640 pixels wide.
    """

    frame: int
    score: float
    what: str
    jpeg: bytes


@dataclass(frozen=True)
class BagResult:
    """What became of one bag.

    Attributes:
        status: One of ``DONE``, ``PARTIAL`` and ``FAILED``.
        reason: Why it is not done.
        fatal: Whether no other bag can do better here, e.g. for want of the engine.
        state: ``FleetState.to_dict``; empty if nothing could be read.
        frames: Columns of one row per frame.
        moments: The worst frames, worst first.
        facts: Topics, duration and the first stamp.
        seconds: Wall time.
    """

    status: str
    reason: str = ''
    fatal: bool = False
    state: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, list[Any]] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def failed(reason: str, *, fatal: bool = False) -> BagResult:
    """Return the result of a bag of which nothing could be used."""
    return BagResult(FAILED, reason, fatal=fatal)
