# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Class groups: merge a model's classes into the few that a robot acts on, drop others.

labels/mapping.py merges classes too, to compare two label sets in an evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels.label_set import Color, LabelSet
from rtseg_ros.labels.yaml_document import YamlDocument

REST = 'rest'


@dataclass(frozen=True)
class ClassGroup:
    """One class of the result.

    Attributes:
        name: Its name.
        color: RGB; None for the colour of its first member.
        classes: The model's classes that become it; None for all that nothing else names. A
            group without classes keeps an id free, e.g. 0 for unlabelled.
        line: Line in the file.
    """

    name: str
    color: Color | None
    classes: tuple[str, ...] | None
    line: int


@dataclass(frozen=True)
class ClassGroups:
    """Groups in the order of their ids, and classes that become unlabelled."""

    source: str
    groups: tuple[ClassGroup, ...]
    unlabelled: tuple[str, ...] = ()
    unlabelled_line: int = 1

    def label_set(self, labels: LabelSet) -> LabelSet:
        """Return the groups as a label set; the id is the place in the file.

        Raises:
            LabelSetError: If a name is unknown, named twice or missing; names the line.
        """
        members = self._members(labels)
        colors = []
        for group, classes in zip(self.groups, members, strict=True):
            color = group.color
            if color is None:
                color = labels.colors[classes[0]] if classes else (0, 0, 0)
            colors.append(color)
        return LabelSet(
            f'{labels.name} grouped by {Path(self.source).name}',
            tuple(group.name for group in self.groups),
            tuple(colors),
        )

    def table(self, labels: LabelSet, *, unlabelled_id: int) -> np.ndarray:
        """Return the (256,) uint8 table from the model's class id to the group's id.

        Raises:
            LabelSetError: As ``label_set``.
        """
        table = np.full(256, unlabelled_id, np.uint8)
        for index, classes in enumerate(self._members(labels)):
            table[classes] = index
        return table

    def used_ids(self, labels: LabelSet) -> set[int]:
        """Return the ids that some class becomes."""
        return {index for index, classes in enumerate(self._members(labels)) if classes}

    def _members(self, labels: LabelSet) -> list[list[int]]:
        ids = {name: index for index, name in enumerate(labels.names)}
        seen: dict[str, str] = {}
        named = [(group.name, group.classes or (), group.line) for group in self.groups]
        for where, names, line in [*named, ('unlabelled', self.unlabelled, self.unlabelled_line)]:
            for name in names:
                if name not in ids:
                    raise LabelSetError(
                        f"{self.source}:{line}: the model has no class '{name}'; it has "
                        f'{", ".join(labels.names)}'
                    )
                if name in seen:
                    raise LabelSetError(
                        f"{self.source}:{line}: class '{name}' is in '{seen[name]}' and "
                        f"in '{where}'; name it once"
                    )
                seen[name] = where
        rest = [name for name in labels.names if name not in seen]
        if rest and all(group.classes is not None for group in self.groups):
            raise LabelSetError(
                f'{self.source}:1: no group names {", ".join(rest)}; add them to a group or to '
                f"'unlabelled', or give one group 'classes: {REST}'"
            )
        return [
            [ids[name] for name in (rest if group.classes is None else group.classes)]
            for group in self.groups
        ]


def load_class_groups(path: str | Path) -> ClassGroups:
    """Read groups from a YAML file.

    Keys: ``groups``, a list of ``{name, classes, color (optional)}`` whose place is the new class
    id, ``classes`` being a list of the model's class names, empty to keep the id free, or
    ``rest`` for all that are named nowhere; ``unlabelled`` (optional), a list of class names.

    Raises:
        LabelSetError: If the file is missing or wrong; names the line.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise LabelSetError(f"class groups '{path}' cannot be read: {error}") from error
    return class_groups_from_yaml(text, source=str(path))


def class_groups_from_yaml(text: str, *, source: str) -> ClassGroups:
    """Parse what ``load_class_groups`` describes.

    Raises:
        LabelSetError: If the text is wrong; the message starts with ``source:line``.
    """
    document = YamlDocument(text, source=source, error=LabelSetError)
    unknown = sorted(set(document.top) - {'groups', 'unlabelled'})
    if unknown:
        raise document.mistake(
            document.top[unknown[0]], f"unknown key '{unknown[0]}'; accepted: groups, unlabelled"
        )
    node = document.required('groups')
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise document.mistake(node, "'groups' must be a list of {name, classes}")
    groups = [_group(document, item) for item in node.value]
    names = [group.name for group in groups]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise document.mistake(node.value[names.index(twice)], f"group '{twice}' is given twice")
    if sum(group.classes is None for group in groups) > 1:
        raise document.mistake(node, f"only one group can have 'classes: {REST}'")
    unlabelled: Sequence[str] = ()
    line = 1
    if 'unlabelled' in document.top:
        unlabelled = document.names(document.top['unlabelled'])
        line = document.top['unlabelled'].start_mark.line + 1
    return ClassGroups(source, tuple(groups), tuple(unlabelled), line)


def _group(document: YamlDocument[LabelSetError], node: yaml.Node) -> ClassGroup:
    entry = document.mapping(node, 'a group')
    for key in entry:
        if key not in ('name', 'classes', 'color'):
            raise document.mistake(entry[key], f"unknown key '{key}'; name, classes, color")
    for key in ('name', 'classes'):
        if key not in entry:
            raise document.mistake(node, f"a group needs the key '{key}'")
    name = document.value(entry['name'])
    if not isinstance(name, str) or not name:
        raise document.mistake(entry['name'], f'group name must be text, got {name!r}')
    rest = document.value(entry['classes']) == REST
    return ClassGroup(
        name=name,
        color=document.color(entry['color']) if 'color' in entry else None,
        classes=None if rest else tuple(document.names(entry['classes'])),
        line=node.start_mark.line + 1,
    )
