# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where frames and ground truth come from: the contract, and data sets."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any, Protocol

import numpy as np

from rtseg_ros.frames.datasets.dataset import Dataset
from rtseg_ros.labels import LabelSet

# Frames of a data set with the same name up to a number follow each other if it grows by at
# most this; frames with stamps, if the stamp does.
MAX_NUMBER_GAP = 5
MAX_STAMP_GAP_NS = 500_000_000


@dataclass(frozen=True)
class Item:
    """One frame; its parts are read when called for, so that one bad file is one bad frame.

    Attributes:
        name: File stem, or the stamp in seconds.
        stamp_ns: Header stamp; None for files.
        continues: Whether it follows the item before it in one recording without a gap.
        frame: Reads (H, W, 3) uint8 BGR.
        truth: Reads (H, W) uint8 ids of the source's label set; None without ground truth.
        instances: Reads (H, W) Cityscapes instance ids; None if there are none.
    """

    name: str
    stamp_ns: int | None
    continues: bool
    frame: Callable[[], np.ndarray]
    truth: Callable[[], np.ndarray | None]
    instances: Callable[[], np.ndarray | None]


class Source(Protocol):
    """A finite sequence of items.

    Attributes:
        labels: Meaning of the ground truth; None if there is none or nobody says.
        problems: What was noticed on the way, with counts; grows while iterating.
    """

    labels: LabelSet | None
    problems: Counter[str]

    def __len__(self) -> int:
        """Return the number of items, as far as known."""

    def __iter__(self) -> Iterator[Item]:
        """Read the items in order."""

    def facts(self) -> dict[str, Any]:
        """Describe the source in plain types, for the report."""


class DatasetSource:
    """The frames of a data-set split, in the order of their names."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.labels: LabelSet | None = dataset.label_set
        self.problems: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._dataset)

    def __iter__(self) -> Iterator[Item]:
        """Read the frames in order."""
        dataset = self._dataset
        before: tuple[str, int] | None = None
        for index, path in enumerate(dataset.image_paths):
            here = _sequence_and_number(path)
            continues = (
                before is not None
                and here is not None
                and here[0] == before[0]
                and 0 < here[1] - before[1] <= MAX_NUMBER_GAP
            )
            before = here
            yield Item(
                path.stem,
                None,
                continues,
                lambda i=index: dataset.frame(i),  # type: ignore[misc]
                lambda i=index: dataset.labels(i),  # type: ignore[misc]
                lambda i=index: dataset.instances(i),  # type: ignore[misc]
            )

    def facts(self) -> dict[str, Any]:
        """Describe the split; reads all files once for its fingerprint."""
        return {
            'kind': 'dataset',
            'name': self._dataset.name,
            'frames': len(self._dataset),
            'fingerprint': self._dataset.fingerprint(),
        }


def _sequence_and_number(path: Path) -> tuple[str, int] | None:
    match = re.fullmatch(r'(.*?)(\d+)', path.stem.removesuffix('_leftImg8bit'))
    return (match[1], int(match[2])) if match else None
