# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The folder of a fleet's evaluation: one folder for each bag, which is also what is resumed."""

from collections.abc import Iterable, Iterator, Mapping
import json
from pathlib import Path
import re
import shutil
from typing import Any

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.state import FleetState
from rtseg_ros.evaluation.fleet.task import DONE, FAILED, PARTIAL, BagResult, Moment
from rtseg_ros.labels.label_set import label_set_from_dict
from rtseg_ros.output_files import replace_files, write_json

FORMAT = 1
_REPORT, _FRAMES = 'report.json', 'frames.parquet'


class Results:
    """What is known of the bags of one fleet."""

    def __init__(self, output: Path) -> None:
        self._folder = output / 'bags'

    def folder(self, name: str) -> Path:
        """Return where the result of a bag lies; different names give different folders."""
        return self._folder / re.sub(r'[/%]', lambda match: f'%{ord(match[0]):02x}', name)

    def frames(self, name: str) -> Path:
        """Return the file of a bag's rows."""
        return self.folder(name) / _FRAMES

    def kept(self, name: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the report of a bag that need not be run again; None if it must.

        Failed bags are always tried again.

        Args:
            name: Of the bag.
            key: What its figures depend on.
        """
        try:
            report = json.loads((self.folder(name) / _REPORT).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return None
        if not isinstance(report, dict) or report.get('format') != FORMAT:
            return None
        usable = report.get('status') in (DONE, PARTIAL) and self.frames(name).is_file()
        return report if usable and report.get('key') == dict(key) else None

    def store(self, bag: FoundBag, result: BagResult, key: Mapping[str, Any]) -> dict[str, Any]:
        """Write a bag's result and return its report; the report comes last and makes it count."""
        from rtseg_ros.evaluation.fleet.tables import frames_content

        folder = self.folder(bag.name)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        report: dict[str, Any] = {
            'format': FORMAT,
            'bag': bag.name,
            'path': str(bag.path),
            'status': result.status,
            'reason': result.reason,
            'key': dict(key),
            'seconds': round(result.seconds, 3),
            'facts': result.facts,
            'moments': [
                {'frame': m.frame, 'score': m.score, 'what': m.what, 'file': _picture(m)}
                for m in result.moments
            ],
            'state': result.state,
            'figures': figures(result.state) if result.state else {},
        }
        if result.status != FAILED:
            files = {folder / _FRAMES: frames_content(result.frames)}
            files |= {folder / _picture(moment): moment.jpeg for moment in result.moments}
            replace_files(files)
        write_json(folder / _REPORT, report)
        return report

    def forget_others(self, names: Iterable[str]) -> None:
        """Remove the results of bags that are no longer meant."""
        if not self._folder.is_dir():
            return
        meant = {self.folder(name).name for name in names}
        for folder in self._folder.iterdir():
            if folder.name not in meant:
                shutil.rmtree(folder)


def figures(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one bag's state."""
    return merged([state]).figures()


def merged(states: Iterable[Mapping[str, Any]]) -> FleetState:
    """Return the sum of states.

    Raises:
        EvaluationError: If there is none, or they are about different classes.
    """
    total: FleetState | None = None
    for state in states:
        if total is None:
            total = FleetState(label_set_from_dict(state['classes'], source='a state'))
        total.merge_dict(state)
    if total is None:
        raise EvaluationError('there is no bag to add up')
    return total


def read_fleet(folder: str | Path) -> dict[str, Any]:
    """Return ``fleet.json`` of a folder.

    Raises:
        EvaluationError: If it is none of an evaluated fleet.
    """
    path = Path(folder) / 'fleet.json' if Path(folder).is_dir() else Path(folder)
    try:
        fleet = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"'{path}' is not a readable fleet: {error}") from error
    if not isinstance(fleet, dict) or 'bags' not in fleet:
        raise EvaluationError(f"'{path}' is not the result of rtseg evaluate --bags")
    return fleet


def states_of(folder: Path, fleet: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the state of every bag of a fleet that could be used.

    Raises:
        EvaluationError: If the result of a bag is missing.
    """
    results = Results(folder)
    for bag in fleet['bags']:
        if bag['status'] == FAILED:
            continue
        path = results.folder(bag['bag']) / _REPORT
        try:
            yield bag['bag'], json.loads(path.read_text(encoding='utf-8'))['state']
        except (OSError, ValueError, KeyError) as error:
            raise EvaluationError(f"'{path}' is damaged: {error!r}; evaluate again") from error


def _picture(moment: Moment) -> str:
    return f'frame_{moment.frame:06}.jpg'
