# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A YAML file that a user wrote, read so that every complaint names the line.

Nor can one exhaust the memory: a few lines of aliases to aliases stand for billions of values.
"""

from typing import Any, Generic, TypeVar

import yaml

from rtseg_ros.errors import RtsegError
from rtseg_ros.labels.label_set import Color, Place, color_mistake, is_color

Error = TypeVar('Error', bound=RtsegError)
# Of a file, an alias counted as all that it stands for; the largest files have a hundredth.
_MOST_CHARACTERS = 10_000_000


class _Loader(yaml.SafeLoader):
    """Names the line, too, of a date or a number that there is not."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as problem:
            raise yaml.constructor.ConstructorError(
                problem=str(problem), problem_mark=node.start_mark
            ) from problem


def compose(text: str) -> yaml.Node | None:
    """Parse YAML to nodes; None if there are none.

    Raises:
        yaml.YAMLError: If it is not valid, nested too deeply, or too large once every alias is
            what it stands for.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None and _characters(node, {}) > _MOST_CHARACTERS:
            raise yaml.YAMLError(f'it stands for more than {_MOST_CHARACTERS} characters')
    except RecursionError as error:
        raise yaml.YAMLError('it is nested too deeply') from error
    return node


def _characters(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the characters of a node; one that is inside itself has no end."""
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value)
    if id(node) not in known:
        known[id(node)] = _MOST_CHARACTERS  # where it is inside itself
        pairs = node.value if isinstance(node, yaml.MappingNode) else zip(node.value)
        known[id(node)] = 1 + sum(_characters(part, known) for pair in pairs for part in pair)
    return known[id(node)]


def value_of(node: yaml.Node) -> Any:
    """Return what a node says, in plain types.

    Raises:
        yaml.MarkedYAMLError: If there is no such value.
    """
    try:
        return _Loader('').construct_document(node)
    except RecursionError as error:
        raise yaml.MarkedYAMLError(
            problem='it is nested too deeply', problem_mark=node.start_mark
        ) from error


def plain_yaml(text: str) -> Any:
    """Return what a YAML text says, in plain types; None if it says nothing.

    Raises:
        yaml.YAMLError: As ``compose`` and ``value_of``.
    """
    node = compose(text)
    return None if node is None else value_of(node)


class YamlDocument(Generic[Error]):
    """A mapping of keys to nodes; a node knows its line.

    Attributes:
        source: Name of the file in messages.
        root: The node of the whole file.
        top: The nodes of the outermost keys.
    """

    def __init__(self, text: str, *, source: str, error: type[Error]) -> None:
        """Parse.

        Args:
            text: The whole document.
            source: Name of the file in messages.
            error: Raised for every mistake.
        """
        self.source = source
        self._error = error
        try:
            node = compose(text)
        except yaml.YAMLError as problem:
            mark = getattr(problem, 'problem_mark', None)
            line = mark.line + 1 if mark else 1
            raise error(f'{source}:{line}: not valid YAML: {problem}') from problem
        if node is None:
            raise error(f'{source}:1: the file is empty')
        self.root = node
        self.top = self.mapping(node, 'the file')

    def required(self, key: str) -> yaml.Node:
        """Return the node of an outermost key that must be there."""
        if key not in self.top:
            raise self._error(f"{self.source}:1: key '{key}' is missing")
        return self.top[key]

    def mistake(self, node: yaml.Node, message: str) -> Error:
        """Return the error to raise, with the node's line."""
        return self._error(f'{self.source}:{node.start_mark.line + 1}: {message}')

    def mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        """Return the nodes of a mapping by key; ``what`` names it in a complaint."""
        if not isinstance(node, yaml.MappingNode):
            raise self.mistake(node, f'{what} must be a mapping (key: value)')
        return {str(key.value): value for key, value in node.value}

    def at(self, place: Place) -> yaml.Node:
        """Return the node at a place of the plain data, or the innermost one around it."""
        node = self.root
        for step in place:
            if isinstance(node, yaml.MappingNode):
                inner = self.mapping(node, 'a value').get(str(step))
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                inner = node.value[step]
            else:
                inner = None
            if inner is None:
                return node
            node = inner
        return node

    def value(self, node: yaml.Node) -> Any:
        """Return what a node says, in plain types."""
        try:
            return value_of(node)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or node.start_mark
            raise self._error(
                f'{self.source}:{mark.line + 1}: cannot be read: {problem}'
            ) from problem

    def names(self, node: yaml.Node) -> list[str]:
        """Return a list of texts."""
        values = self.value(node)
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self.mistake(node, f'expected a list of names, got {values!r}')
        return values

    def color(self, node: yaml.Node) -> Color:
        """Return a colour [r, g, b]."""
        value = self.value(node)
        if not is_color(value):
            raise self.mistake(node, color_mistake(value))
        red, green, blue = value
        return red, green, blue
