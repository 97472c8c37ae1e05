# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Settings as dataclasses: one field holds default, description and accepted values.

The same dataclass gives a ROS node its parameters and a shell command its options.
"""

from argparse import (
    ArgumentParser,
    ArgumentTypeError,
    BooleanOptionalAction,
    Namespace,
    _ArgumentGroup,
)
from collections.abc import Callable
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from rtseg_ros.argument_types import within
from rtseg_ros.errors import SettingError

Settings = TypeVar('Settings')


def parameter(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] = (),
    accepts: Callable[[str], Any] | None = None,
    live: bool = False,
    yaml_too: bool = False,
) -> Any:
    """Declare a dataclass field that is also a ROS parameter.

    Args:
        default: Its type is the parameter's type; a tuple becomes an array.
        description: One sentence with the unit.
        minimum: Smallest accepted number.
        maximum: Largest accepted number; required with minimum.
        choices: Accepted values, if only these are.
        accepts: One of ``argument_types`` that refuses the texts which are not accepted.
        live: May be set while the node is configured or active.
        yaml_too: A text that YAML may take for a number, or for false as it does ``off``.
    """
    return field(
        default=default,
        metadata={
            'description': description,
            'range': None if minimum is None else (minimum, maximum),
            'choices': choices,
            'accepts': accepts,
            'live': live,
            'yaml_too': yaml_too,
        },
    )


def check_values(settings: Any, error: type[Exception]) -> None:
    """Hold the fields of a settings dataclass to what they accept.

    Raises:
        error: Naming the option, its value and what is accepted.
    """
    for item in fields(settings):
        reason = why_refused(item, getattr(settings, item.name))
        if reason:
            raise error(reason)


def why_refused(item: 'Field[Any]', value: Any) -> str:
    """Say why a field does not accept a value, by its name; empty if it does.

    Args:
        item: Of a settings dataclass.
        value: Of its type; every number of an array is held to the range.
    """
    choices, accepts = item.metadata['choices'], item.metadata['accepts']
    if choices and value not in choices:
        accepted = ', '.join(str(choice) or "''" for choice in choices)
        return f"{item.name} is '{value}'; accepted: {accepted}"
    if item.metadata['range'] is not None:
        low, high = item.metadata['range']
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                return f'{item.name} is {number}; accepted: {low} to {high}'
    if accepts is not None and value != item.default:
        try:
            accepts(value)
        except (ArgumentTypeError, SettingError) as error:
            return f'{item.name}: {error}'
    return ''


def add_options(
    parser: ArgumentParser | _ArgumentGroup,
    kind: type[Any],
    *,
    positional: str = '',
    short: tuple[str, ...] = (),
    prefix: str = '',
) -> None:
    """Declare every field of a settings dataclass as an option of a shell command.

    Args:
        parser: Or a group of one; gets ``--name-of-field``, and ``--no-name-of-field`` for what
            is on by default.
        kind: The dataclass; a tuple takes as many values as its default has.
        positional: Field that is given without a name, and must be.
        short: Fields that have their first letter as a second name.
        prefix: Stands before the names.
    """
    for item in fields(kind):
        default, description = item.default, item.metadata['description'].replace('%', '%%')
        option = f'--{(prefix + item.name).replace("_", "-")}'
        if item.name == positional:
            parser.add_argument(item.name, help=description)
        elif isinstance(default, bool):
            parser.add_argument(
                option,
                action=BooleanOptionalAction if default else 'store_true',
                default=default,
                help=description,
            )
        else:
            sample = default[0] if isinstance(default, tuple) else default
            parser.add_argument(
                *([f'-{item.name[0]}'] if item.name in short else []),
                option,
                type=_type(item, type(sample)),
                nargs=len(default) if isinstance(default, tuple) else None,
                choices=item.metadata['choices'] or None,
                default=default,
                metavar=('H', 'W') if item.name.endswith('_hw') else None,
                help=description,
            )


def settings_from_options(
    options: Namespace, kind: type[Settings], *, prefix: str = ''
) -> Settings:
    """Return the options that ``add_options`` declared, with the same prefix, as the dataclass."""
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        value = getattr(options, prefix + item.name)
        values[item.name] = tuple(value) if isinstance(item.default, tuple) else value
    return kind(**values)


def _type(item: 'Field[Any]', kind: type[Any]) -> Any:
    """Return the type of an option: numbers are held to the field's range."""
    if item.metadata['range'] is not None:
        return within(kind, *item.metadata['range'])
    accepts = item.metadata['accepts']
    if accepts is None:
        return kind

    def checked(text: str) -> str:
        accepts(text)
        return text

    return checked
