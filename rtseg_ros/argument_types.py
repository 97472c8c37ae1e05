# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What arguments accept: ranges, names, outputs; declared once for options and parameters.

Each function takes the text of an option and returns its value. What can never be meant is an
ArgumentTypeError, so wrong usage; what this machine does not allow is a SettingError.
"""

from argparse import ArgumentParser, ArgumentTypeError, _ArgumentGroup
from collections.abc import Callable
from pathlib import Path
import re
from typing import Any

from rtseg_ros.output_files import check_output_file, check_output_folder

_TOPIC = re.compile(r'(/[A-Za-z_][A-Za-z0-9_]*)+')


def within(kind: type[Any], low: float, high: float) -> Callable[[str], Any]:
    """Return the type of a number of a range, the ends included; NaN is in none.

    Args:
        kind: int or float.
        low: The smallest accepted.
        high: The largest accepted; finite, so that infinity is refused too.
    """
    name = 'a whole number' if kind is int else 'a number'

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ArgumentTypeError(f"it is '{text}'; accepted: {name} from {low:g} to {high:g}")
        return value

    return convert


# Those of several verbs; 0 means no limit, or the rate of the source, where it is accepted.
count = within(int, 1, 10**9)
count_or_none = within(int, 0, 10**9)
pixels = within(int, 1, 65536)
rate_hz = within(float, 0, 1000)
seconds = within(float, 0.1, 10**6)
seed = within(int, 0, 2**32 - 1)
threads = within(int, 0, 1024)


def size_hw(text: str) -> tuple[int, int]:
    """Return height and width in pixels of ``HxW``.

    Raises:
        ArgumentTypeError: If it is none.
    """
    height, _, width = text.partition('x')
    try:
        return pixels(height), pixels(width)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(
            f"it is '{text}'; give height x width in pixels, e.g. 480x640"
        ) from error


def add_size(parser: ArgumentParser | _ArgumentGroup, help_text: str) -> None:
    """Declare ``--size-hw H W`` and its older spelling ``--size HxW``, each as often as you like.

    Both add to ``size_hw``, which is None where neither is given.

    Args:
        parser: Of the verb.
        help_text: What the size is of, and what it is if it is not given.
    """
    parser.add_argument(
        '--size-hw', type=pixels, nargs=2, action='append', metavar=('H', 'W'), help=help_text
    )
    parser.add_argument(
        '--size', type=size_hw, nargs='+', action='extend', dest='size_hw', metavar='HxW',
        help='the same, height x width in one word',
    )  # fmt: skip


def topic_name(text: str) -> str:
    """Return the full name of a topic, or nothing, as it is.

    Raises:
        ArgumentTypeError: If it is none; a namespace is named by the same rules.
    """
    if text and not _TOPIC.fullmatch(text):
        raise ArgumentTypeError(
            f"'{text}' is not the name of a topic: it starts with '/', its parts hold letters, "
            "digits and '_', and none starts with a digit"
        )
    return text


def namespace(text: str) -> str:
    """Return the namespace of topics as it is; ``/`` alone and nothing are the root.

    Raises:
        ArgumentTypeError: If it is none.
    """
    return text if text == '/' else topic_name(text)


def output_file(text: str) -> Path:
    """Return the path of a file that can be written; changes nothing.

    Raises:
        SettingError: If it cannot, and why.
    """
    check_output_file(text)
    return Path(text)


def output_folder(text: str) -> Path:
    """Return the path of a folder that can be written into or made; changes nothing.

    Raises:
        SettingError: If it cannot, and why.
    """
    check_output_folder(text)
    return Path(text)
