# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Two fleets side by side, over the bags that both finished."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.compare import Change, Comparison
from rtseg_ros.evaluation.fleet.intervals import NAMES, paired_intervals
from rtseg_ros.evaluation.fleet.results import merged, read_fleet, states_of
from rtseg_ros.evaluation.fleet.task import DONE

_WORDS = {'miou': 'mIoU', 'pixel_accuracy': 'pixel accuracy', 'mask_agreement': 'agreement',
          'against': 'like the other model'}  # fmt: skip
_SHOWN = 5


def is_fleet(path: str | Path) -> bool:
    """Tell whether a path is the result of ``evaluate_fleet``."""
    return Path(path).name == 'fleet.json' or (Path(path) / 'fleet.json').is_file()


def compare_fleets(first: str | Path, second: str | Path) -> Comparison:
    """Compare two fleets by whole bags: those that both finished, with the same content.

    Noise is estimated by drawing bags, the same ones for both; one table of figures over all
    bags, and one for each value of each tag.

    Args:
        first: Folder of a fleet.
        second: Likewise.

    Raises:
        EvaluationError: If one is no fleet, or they have no finished bag in common.
    """
    folders = [_folder(first), _folder(second)]
    fleets = [read_fleet(folder) for folder in folders]
    states = [dict(states_of(*pair)) for pair in zip(folders, fleets, strict=True)]
    done = [
        {bag['bag']: bag for bag in fleet['bags'] if bag['status'] == DONE} for fleet in fleets
    ]
    both = [name for name in done[0] if name in done[1]]
    if not both:
        raise EvaluationError(
            'the two fleets have no finished bag in common; evaluate both models on the same bags'
        )
    changes = _changes('', both, states)
    for tag in done[0][both[0]]['tags']:
        for value in sorted({done[0][name]['tags'].get(tag, '') for name in both}):
            names = [name for name in both if done[0][name]['tags'].get(tag, '') == value]
            changes += _changes(f'{tag} {value or "(none)"}: ', names, states)
    return Comparison(
        changes=tuple(changes),
        notes=tuple(_notes(fleets, done, both)),
        reports=(str(first), str(second)),
        subjects=(_subject(fleets[0]), _subject(fleets[1])),
    )


def _changes(
    prefix: str, names: list[str], states: list[dict[str, dict[str, Any]]]
) -> list[Change]:
    first, second = ([all_states[name] for name in names] for all_states in states)
    before, after = merged(first).figures(), merged(second).figures()
    intervals = paired_intervals(first, second)
    changes = []
    for name in NAMES:
        a, b, interval = before.get(name), after.get(name), intervals[name]
        if a is None or b is None:
            continue
        verdict = ''
        if interval is not None:
            verdict = 'better' if interval[0] > 0 else 'worse' if interval[1] < 0 else 'same'
        changes.append(Change(f'{prefix}{_WORDS.get(name, name)}', '%', a, b, interval, verdict))
    return changes


def _notes(fleets: list[dict[str, Any]], done: list[dict[str, Any]], both: list[str]) -> list[str]:
    notes = [f'{len(both)} bags that both finished; intervals over bags, drawn in pairs.']
    for which, mine, other in (('first', done[0], done[1]), ('second', done[1], done[0])):
        alone = [name for name in mine if name not in other]
        if alone:
            more = f' and {len(alone) - _SHOWN} more' if len(alone) > _SHOWN else ''
            notes.append(f'Only the {which} finished: {", ".join(alone[:_SHOWN])}{more}.')
    settings = [fleet['settings'] for fleet in fleets]
    differ = [name for name in settings[0] if settings[0][name] != settings[1].get(name)]
    if differ:
        notes.append(f'They were run with different {", ".join(differ)}.')
    return notes


def _folder(path: str | Path) -> Path:
    return Path(path).parent if Path(path).name == 'fleet.json' else Path(path)


def _subject(fleet: Mapping[str, Any]) -> str:
    return f'{fleet["model"]["file"]} on {len(fleet["bags"])} bags, {fleet["created"][:16]}'
