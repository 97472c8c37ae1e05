# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is known of a bag beside its content: the robot, the day, the place."""

from collections.abc import Mapping, Sequence
import csv
from pathlib import Path
import re

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.find import FoundBag

Tags = Mapping[str, Mapping[str, str]]  # by name of the bag
_COLUMN = 'bag'
_PART = re.compile(r'\{([A-Za-z_]\w*)\}|(\*\*/?)|(\*)')


def read_tags(text: str, bags: Sequence[FoundBag]) -> Tags:
    """Return the tags of each bag; every bag has the same ones.

    Args:
        text: A template such as ``fleet/{robot}/{day}/*``, held against the end of each path
            (``*`` is anything within a part, ``**`` crosses folders); or a ``.csv`` file with
            a column ``bag`` (a path, or its end), the others being tags.
        bags: The bags.

    Raises:
        EvaluationError: If the template names no tag or fits no bag, the file cannot be read, or
            a row of it means several bags.
    """
    found = _from_csv(Path(text), bags) if text.endswith('.csv') else _from_template(text, bags)
    keys = dict.fromkeys(key for tags in found.values() for key in tags)
    return {bag.name: {key: found.get(bag.name, {}).get(key, '') for key in keys} for bag in bags}


def _from_template(template: str, bags: Sequence[FoundBag]) -> dict[str, dict[str, str]]:
    pattern, position, names = '', 0, []
    for part in _PART.finditer(template):
        pattern += re.escape(template[position : part.start()])
        position = part.end()
        if part[1]:
            if part[1] in names:
                raise EvaluationError(f"the tags '{template}' name {{{part[1]}}} twice")
            names.append(part[1])
            pattern += f'(?P<{part[1]}>[^/]+)'
        else:
            across = '(?:.*/)?' if part[2] == '**/' else '.*'
            pattern += across if part[2] else '[^/]*'
    pattern += re.escape(template[position:])
    if not names:
        raise EvaluationError(
            f"the tags '{template}' name none; write them in braces: 'fleet/{{robot}}/{{day}}/*'"
        )
    matcher = re.compile(f'(?:.*/)?{pattern.removeprefix("/")}')
    found = {}
    for bag in bags:
        if match := matcher.fullmatch(bag.path.as_posix().removeprefix('/')):
            found[bag.name] = match.groupdict()
    if not found:
        raise EvaluationError(f"the tags '{template}' fit no bag; the first is '{bags[0].path}'")
    return found


def _from_csv(path: Path, bags: Sequence[FoundBag]) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"the tags '{path}' cannot be read: {error}") from error
    if not rows or _COLUMN not in rows[0] or len(rows[0]) < 2:
        raise EvaluationError(f"the tags '{path}' need a column '{_COLUMN}' and one for each tag")
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        named = (row.pop(_COLUMN) or '').strip('/')
        meant = [bag for bag in bags if named and f'/{bag.path.as_posix()}'.endswith(f'/{named}')]
        if len(meant) > 1:
            both = ' and '.join(f"'{bag.name}'" for bag in meant[:2])
            raise EvaluationError(
                f"the tags '{path}' name '{named}', but several bags have this name: {both}; "
                'give more of the path'
            )
        if meant:  # others may be those of another fleet
            found[meant[0].name] = {key: value or '' for key, value in row.items() if key}
    if not found:
        raise EvaluationError(f"the tags '{path}' name none of the bags; first: '{bags[0].name}'")
    return found
