"""A YAML file that a user wrote, read so that every complaint names the line."""

from typing import Any

import yaml

from rtseg_ros.errors import RtsegError

Color = tuple[int, int, int]


class YamlDocument:
    """A mapping of keys to nodes; a node knows its line.

    Attributes:
        source: Name of the file in messages.
        top: The nodes of the outermost keys.
    """

    def __init__(self, text: str, *, source: str, error: type[RtsegError]) -> None:
        """Parse.

        Args:
            text: The whole document.
            source: Name of the file in messages.
            error: Raised for every mistake.
        """
        self.source = source
        self._error = error
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as problem:
            mark = getattr(problem, 'problem_mark', None)
            line = mark.line + 1 if mark else 1
            raise error(f'{source}:{line}: not valid YAML: {problem}') from problem
        if node is None:
            raise error(f'{source}:1: the file is empty')
        self.top = self.mapping(node, 'the file')

    def required(self, key: str) -> yaml.Node:
        """Return the node of an outermost key that must be there."""
        if key not in self.top:
            raise self._error(f"{self.source}:1: key '{key}' is missing")
        return self.top[key]

    def mistake(self, node: yaml.Node, message: str) -> RtsegError:
        """Return the error to raise, with the node's line."""
        return self._error(f'{self.source}:{node.start_mark.line + 1}: {message}')

    def mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        """Return the nodes of a mapping by key; ``what`` names it in a complaint."""
        if not isinstance(node, yaml.MappingNode):
            raise self.mistake(node, f'{what} must be a mapping (key: value)')
        return {str(key.value): value for key, value in node.value}

    def value(self, node: yaml.Node) -> Any:
        """Return what a node says, in plain types."""
        try:
            return yaml.safe_load(yaml.serialize(node))
        except yaml.YAMLError as problem:
            raise self.mistake(node, f'cannot be read: {problem}') from problem

    def names(self, node: yaml.Node) -> list[str]:
        """Return a list of texts."""
        values = self.value(node)
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self.mistake(node, f'expected a list of names, got {values!r}')
        return values

    def color(self, node: yaml.Node) -> Color:
        """Return a colour [r, g, b]."""
        value = self.value(node)
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(type(v) is int and 0 <= v <= 255 for v in value)
        ):
            raise self.mistake(node, f'color must be [r, g, b] of 0..255, got {value!r}')
        return value[0], value[1], value[2]
