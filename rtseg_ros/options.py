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
from dataclasses import Field, field, fields
import re
from typing import Any, TypeVar

Settings = TypeVar('Settings')


def parameter(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] = (),
    live: bool = False,
) -> Any:
    """Declare a dataclass field that is also a ROS parameter.

    Args:
        default: Its type is the parameter's type; a tuple becomes an array.
        description: One sentence with the unit.
        minimum: Smallest accepted number.
        maximum: Largest accepted number; required with minimum.
        choices: Accepted values, if only these are.
        live: May be set while the node is configured or active.
    """
    return field(
        default=default,
        metadata={
            'description': description,
            'range': None if minimum is None else (minimum, maximum),
            'choices': choices,
            'live': live,
        },
    )


def check_values(settings: Any, error: type[Exception]) -> None:
    """Hold the fields of a settings dataclass to their choices and ranges.

    Raises:
        error: Naming the option, its value and what is accepted.
    """
    for item in fields(settings):
        value, choices = getattr(settings, item.name), item.metadata['choices']
        if choices and value not in choices:
            accepted = ', '.join(repr(choice) for choice in choices)
            raise error(f'{item.name} is {value!r}; accepted: {accepted}')
        if item.metadata['range'] is not None:
            low, high = item.metadata['range']
            if not low <= value <= high:
                raise error(f'{item.name} is {value}; accepted: {low} to {high}')


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
                type=_number(item, type(sample)),
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


def within(kind: type[Any], low: float, high: float) -> Any:
    """Return the converter of an option that is a number of a range; NaN is in none."""

    def convert(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError
        return value

    convert.__name__ = f'number from {low} to {high}'
    return convert


def topic_name(text: str) -> str:
    """Return the full name of a topic, or nothing, as it is.

    Raises:
        ArgumentTypeError: If it is none; a namespace is named by the same rules.
    """
    if not re.fullmatch(r'(/[A-Za-z_][A-Za-z0-9_]*)+|/?', text):
        raise ArgumentTypeError(
            f"{text!r} is not the name of a topic: it starts with '/', its parts hold letters, "
            "digits and '_', and none starts with a digit"
        )
    return text


def _number(item: 'Field[Any]', kind: type[Any]) -> Any:
    """Return the converter of an option; numbers are held to the field's range."""
    return kind if item.metadata['range'] is None else within(kind, *item.metadata['range'])
