# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which frames a person should label next: those that the model is least sure of, spread out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
import csv
from dataclasses import dataclass
import io
from pathlib import Path
import shutil
from typing import Any

import numpy as np

from rtseg_ros.errors import EvaluationError, RtsegError
from rtseg_ros.evaluation.fleet.results import Results
from rtseg_ros.evaluation.fleet.tables import library
from rtseg_ros.evaluation.fleet.task import FAILED
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.stamp import NS_PER_S
from rtseg_ros.output_files import replace_files
from rtseg_ros.runtime import Segmenter, load_segmenter

APART_NS = NS_PER_S


@dataclass(frozen=True)
class Candidate:
    """A frame that may be chosen.

    Attributes:
        bag: Name of its bag.
        frame: Index in the bag.
        stamp_ns: Of its header; None without one.
        score: The lower, the more there is to learn from it.
    """

    bag: str
    frame: int
    stamp_ns: int | None
    score: float


def choose(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the frames to label, lowest scores first.

    No bag gives more than twice its even share as long as others have frames, and of one second
    of a bag only the lowest is taken.

    Args:
        candidates: Of all bags.
        count: How many; fewer if there are not enough seconds.
    """
    bags = {candidate.bag for candidate in candidates}
    most = max(2 * -(-count // max(len(bags), 1)), 1)
    chosen: list[Candidate] = []
    taken: dict[str, list[Candidate]] = defaultdict(list)
    ranked = sorted(candidates, key=lambda one: (one.score, one.bag, one.frame))
    for limit in (most, count):
        for one in ranked:
            if len(chosen) == count:
                break
            mine = taken[one.bag]
            if len(mine) < limit and not any(_near(one, other) for other in mine):
                mine.append(one)
                chosen.append(one)
    return sorted(chosen, key=lambda one: (one.score, one.bag, one.frame))


def select_frames(
    output: Path, fleet: Mapping[str, Any], count: int, model: str
) -> tuple[Path, int]:
    """Write the frames of an evaluated fleet that a person should label next.

    Args:
        output: Folder of the fleet; ``to_label`` in it is made anew.
        fleet: As ``fleet.json`` holds it.
        count: How many frames.
        model: The same, as ``load_segmenter`` takes it, for the masks.

    Returns:
        Their folder, and how many there are.

    Raises:
        EvaluationError: If nothing says how sure the model is.
    """
    folder = output / 'to_label'
    chosen = choose(candidates_of(output, fleet), count)
    if folder.exists():
        shutil.rmtree(folder)
    segmenter = load_segmenter(model)
    try:
        return folder, write_selection(folder, chosen, fleet, segmenter)
    finally:
        segmenter.close()


def candidates_of(output: Path, fleet: Mapping[str, Any]) -> list[Candidate]:
    """Return every frame with a mask of an evaluated fleet.

    The score is the mean confidence; where another model looked too, times the share of pixels
    that both label alike.

    Raises:
        EvaluationError: If the model gives no confidence and no other was asked.
    """
    results, parquet = Results(output), library()[1]
    found = []
    for bag in fleet['bags']:
        if bag['status'] == FAILED:
            continue
        rows = parquet.read_table(
            results.frames(bag['bag']),
            columns=['frame', 'stamp_ns', 'confidence', 'against'],
        ).to_pylist()
        for row in rows:
            known = [row[name] for name in ('confidence', 'against') if row[name] is not None]
            if known:
                score = float(np.prod(known))
                found.append(Candidate(bag['bag'], row['frame'], row['stamp_ns'] or None, score))
    if not found:
        raise EvaluationError(
            'no frame can be selected: the model gives no confidence; compare it with another '
            'model (--against)'
        )
    return found


def write_selection(
    folder: Path,
    chosen: Sequence[Candidate],
    fleet: Mapping[str, Any],
    segmenter: Segmenter,
) -> int:
    """Write the chosen frames, the model's masks, and ``selection.csv``.

    Args:
        folder: Gets ``frames/NAME.png``, ``masks/NAME.png`` (class ids) and the list.
        chosen: From ``choose``.
        fleet: As ``fleet.json`` holds it; says where the bags are.
        segmenter: Of the same model.

    Returns:
        How many frames were written; a bag that has gone since is left out.
    """
    by_bag: dict[str, dict[int, Candidate]] = defaultdict(dict)
    for one in chosen:
        by_bag[one.bag][one.frame] = one
    bags = {bag['bag']: bag for bag in fleet['bags']}
    (folder / 'frames').mkdir(parents=True, exist_ok=True)
    (folder / 'masks').mkdir(parents=True, exist_ok=True)
    lines = [['file', 'bag', 'path', 'frame', 'stamp_ns', 'score']]
    for name, wanted in by_bag.items():
        bag = bags[name]
        try:
            source = BagSource(bag['path'], image_topic=bag['facts']['image_topic'])
            with source.reader:
                for index, item in enumerate(source):
                    if index > max(wanted):
                        break
                    if index not in wanted:
                        continue
                    frame = item.frame()
                    file = f'{len(lines):04}.png'
                    replace_files(
                        {
                            folder / 'frames' / file: encoded('.png', frame),
                            folder / 'masks' / file: encoded('.png', segmenter(frame).labels),
                        }
                    )
                    lines.append(
                        [file, name, bag['path'], str(index), str(item.stamp_ns),
                         f'{wanted[index].score:.6f}']
                    )  # fmt: skip
        except RtsegError:
            continue  # a cut-off bag was read up to its break; a lost one is missed by the caller
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(lines)
    replace_files({folder / 'selection.csv': text.getvalue().encode()})
    return len(lines) - 1


def _near(one: Candidate, other: Candidate) -> bool:
    if one.stamp_ns is None or other.stamp_ns is None:
        return abs(one.frame - other.frame) < 2
    return abs(one.stamp_ns - other.stamp_ns) < APART_NS
