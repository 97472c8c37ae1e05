"""Settings as dataclasses: one field holds default, description and accepted values.

The same dataclass gives a ROS node its parameters and a shell command its options.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import Field, field, fields
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


def add_options(parser: ArgumentParser, kind: type[Any], *, required: tuple[str, ...]) -> None:
    """Declare every field of a settings dataclass as an option of a shell command.

    Args:
        parser: Gets ``--name-of-field``, and its first letter for a required one.
        kind: The dataclass; a tuple takes as many values as its default has.
        required: Fields without a usable default; the first of them is positional.
    """
    for item in fields(kind):
        default, description = item.default, item.metadata['description'].replace('%', '%%')
        option = f'--{item.name.replace("_", "-")}'
        if item.name == required[0]:
            parser.add_argument(item.name, help=description)
        elif item.name in required:
            parser.add_argument(f'-{item.name[0]}', option, required=True, help=description)
        elif isinstance(default, bool):
            parser.add_argument(option, action='store_true', help=description)
        else:
            sample = default[0] if isinstance(default, tuple) else default
            parser.add_argument(
                option,
                type=_number(item, type(sample)),
                nargs=len(default) if isinstance(default, tuple) else None,
                choices=item.metadata['choices'] or None,
                default=default,
                help=description,
            )


def settings_from_options(options: Namespace, kind: type[Settings]) -> Settings:
    """Return the options that ``add_options`` declared as the dataclass."""
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        value = getattr(options, item.name)
        values[item.name] = tuple(value) if isinstance(item.default, tuple) else value
    return kind(**values)


def _number(item: 'Field[Any]', kind: type[Any]) -> Any:
    """Return the converter of an option; numbers are held to the field's range."""
    if item.metadata['range'] is None:
        return kind
    low, high = item.metadata['range']

    def convert(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError
        return value

    convert.__name__ = f'number from {low} to {high}'
    return convert
