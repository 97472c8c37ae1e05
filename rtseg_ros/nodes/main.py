# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The main() of every node: ROS, signals, refusals in one line, work, a clean end.

Unknown parameters are named where they are declared, in ``nodes/parameters.py``; what happens
before the imports is in ``nodes/start.py``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
import re
import sys
from typing import TypeVar

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args, try_shutdown

from rtseg_ros.errors import RtsegError, SettingError
from rtseg_ros.signals import Interrupted, Signals, ignore_signals

AnyNode = TypeVar('AnyNode', bound=Node)
_REFUSED = (InvalidParameterTypeException, InvalidParameterValueException, RtsegError)
_NAMES = 'parts of letters, digits and _ between slashes, none beginning with a digit'
# What rcl says that it could not parse -> what is accepted there.
_ACCEPTED = {
    'remap rule': f'accepted: from:=to, both names made of {_NAMES}',
    'parameter override rule': "accepted: name:=value, the value in YAML, '' for an empty text",
    'params file': 'accepted: a YAML file, node name: ros__parameters: names and values',
    'log level': 'accepted: debug, info, warn, error or fatal',
}
_PLACES = re.compile(r'(, at \S+:\d+)+$')  # where in the source of rcl: of no use to the reader


def run_node(
    name: str,
    make: Callable[[], AnyNode],
    work: Callable[[AnyNode], int | None],
    *,
    arguments: Sequence[str] | None = None,
    interruptible: bool = False,
    stopped: int = 0,
) -> int:
    """Make a node and have it work until it is done, or SIGINT or SIGTERM.

    Args:
        name: Of the node, for messages when there is none.
        make: Makes the node; a signal interrupts it.
        work: Gets the node; returns the exit status, None for 0. It must end when rclpy shuts
            down, which is what a signal does; errors that come of that are passed over.
        arguments: The process's own if None.
        interruptible: A signal leaves rclpy alone and raises Interrupted in work instead.
        stopped: Exit status after a signal that interrupted.

    Returns:
        Exit status: that of work, 1 if the node was refused; a signal gives no traceback, and a
        second one nothing more.
    """
    signals = Signals()
    words = sys.argv if arguments is None else ['', *arguments]
    log = rclpy.logging.get_logger(name)
    try:
        with signals.interrupting():
            _init(words, SignalHandlerOptions.NO if interruptible else SignalHandlerOptions.ALL)
            unused = remove_ros_args(words)[1:]
            if unused:
                log.warning(f'not used: {" ".join(unused)}; parameters stand behind --ros-args')
            node = make()
            if interruptible:
                return work(node) or 0
        return work(node) or 0
    except Interrupted:
        return stopped
    except ExternalShutdownException:
        return 0
    except _REFUSED as error:
        log.fatal(' '.join(str(error).split()))
        return 1
    except Exception as error:
        # A signal took the context away while it was in use, or it interrupted an import, which
        # makes something else of that.
        of_rclpy = type(error).__module__.startswith('rclpy')
        if not signals.interrupted and (rclpy.ok() or not of_rclpy):
            raise
        return stopped
    finally:
        # Its own handlers stay: without them, the second signal would kill. From Kilted on
        # rclpy.try_shutdown takes them away, this one nowhere.
        try_shutdown()
        ignore_signals()


def _init(words: Sequence[str], handlers: SignalHandlerOptions) -> None:
    """Start ROS.

    Raises:
        SettingError: If it cannot be started with these arguments.
    """
    try:
        rclpy.init(args=list(words), signal_handler_options=handlers)
    except RuntimeError as error:  # those of rclpy's implementation
        raise SettingError(_why_not_started(str(error))) from error


def _why_not_started(text: str) -> str:
    """Say what is wrong with the ROS arguments, from what rcl says of them."""
    text = _PLACES.sub('', text.removeprefix('failed to initialize rcl: '))
    found = re.match(r"Couldn't parse (.+?): '(.*)'\. Error: (.*)", text, re.DOTALL)
    if found is None:
        if text.startswith('['):  # UnknownROSArgsError
            return f'ROS does not know the arguments {text}; accepted: -p, -r, --params-file, ...'
        return f'ROS cannot be started: {text}'
    kind, words, reason = found.groups()
    accepted = _ACCEPTED.get(kind)
    if kind == 'params file' and not Path(words.split(maxsplit=1)[-1]).exists():
        reason = 'there is no such file'
    elif accepted and ('lexeme' in reason or reason == 'error not set'):
        reason = f'it is no {kind}'  # rcl's own words there help nobody
    return f"'{words}': {reason}" + (f'; {accepted}' if accepted else '')
