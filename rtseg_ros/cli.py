# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The shell command ``rtseg <verb>``: picks the verb and reports errors."""

if __name__ == '__main__':
    import sys

    from rtseg_ros.signals import rtseg

    sys.exit(rtseg())  # takes the signals, then imports this file

import argparse
from collections.abc import Sequence
from contextlib import suppress
import importlib
import os
import select
import sys

from rtseg_ros import __version__
from rtseg_ros.errors import RtsegError
from rtseg_ros.requirements import how_to_get
from rtseg_ros.signals import Signals, ignore_signals

# Each verb is a module of rtseg_ros.commands, imported only when it is called: what needs
# torch or ROS stays out of the way of what does not.
VERBS = {
    'segment': 'label a photo, a folder, a video or a camera; needs no ROS',
    'models': 'list models and networks, or describe a model file',
    'train': 'train a network on a data set',
    'runs': 'compare training runs in a table',
    'convert': 'turn a training checkpoint into a model file',
    'evaluate': 'measure accuracy and speed on a data set or a bag',
    'benchmark': 'measure speed against other ways to run a network',
    'bag': 'make a bag from a data set, image folder or video',
    'demo': 'run the nodes on street video and make pictures',
    'soak': 'run a node for long under more frames than it can take',
    'doctor': 'check this machine and a running graph, say what to do',
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: Words after ``rtseg``; the process's own if None, and then SIGINT and SIGTERM
            are taken until the process ends.

    Returns:
        Exit status: 0 done, 1 an error that the message explains, 2 wrong usage, 3 a required
        threshold was missed, 4 an evaluation used no frame or none of its ground truth, 130
        interrupted, 141 nobody reads the output any more, 143 terminated.
    """
    if arguments is not None:
        try:
            return _main(list(arguments))
        except KeyboardInterrupt:
            return _interrupted(arguments, 130)
    signals = Signals()
    try:
        with signals.interrupting():
            return _main(sys.argv[1:])
    except BaseException:
        # A signal interrupts imports and callbacks of libraries, too, which make something else
        # of that.
        if not signals.interrupted:
            raise
        return _interrupted(sys.argv[1:], signals.status)
    finally:
        ignore_signals()


def _interrupted(words: Sequence[str], status: int) -> int:
    program = f'rtseg {words[0]}' if words and words[0] in VERBS else 'rtseg'
    with suppress(OSError):
        print(f'{program}: {"interrupted" if status == 130 else "terminated"}', file=sys.stderr)
    return status


def _main(words: list[str]) -> int:
    try:
        try:
            return _run(words)
        finally:
            sys.stdout.flush()  # else it would fail after the end, where nothing can be caught
    except BrokenPipeError as error:
        if not _reader_is_gone():
            print(f'rtseg: {_of_the_system(error)}', file=sys.stderr)
            return 1
        return 141


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Says the default behind an option, where there is one to say."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default in (None, '', False) or action.default == []
        stated = 'default: ' in (action.help or '')
        return action.help if nothing or stated else super()._get_help_string(action)


def _reader_is_gone() -> bool:
    """Tell whether the output goes to a closed pipe, as by ``| head``; then to nowhere."""
    output = select.poll()
    output.register(sys.stdout, 0)
    if not any(event & select.POLLERR for _, event in output.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _of_the_system(error: OSError) -> str:
    subject = '' if error.filename is None else f"'{error.filename}': "
    return f'{subject}{error.strerror or error}'


def _run(words: list[str]) -> int:
    top = argparse.ArgumentParser(
        prog='rtseg',
        description='Real-time semantic segmentation for robots.',
        epilog='verbs:\n' + '\n'.join(f'  {verb:<10} {text}' for verb, text in VERBS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument('--version', action='version', version=__version__)
    top.add_argument('verb', choices=VERBS, metavar='verb', help='one of the verbs below')
    if not words:
        top.print_help(sys.stderr)
        return 2
    verb = top.parse_args(words[:1]).verb
    parser = argparse.ArgumentParser(
        prog=f'rtseg {verb}',
        description=f'{VERBS[verb][0].upper()}{VERBS[verb][1:]}.',
        formatter_class=_HelpFormatter,
    )
    try:
        command = importlib.import_module(f'rtseg_ros.commands.{verb}')
        command.add_arguments(parser)
        return int(command.run(parser.parse_args(words[1:])))
    except RtsegError as error:
        print(f'rtseg {verb}: {error}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('rtseg_ros'):
            raise
        print(f'rtseg {verb}: {how_to_get(error.name or "", verb=verb)}', file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f'rtseg {verb}: {_of_the_system(error)}', file=sys.stderr)
        return 1
