# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a machine is meant to do, and which packages that takes beside the common ones."""

from collections.abc import Iterator
import importlib
import importlib.util
import os
import sys

from rtseg_ros.requirements import EXTRA_OF, NEEDS, how_to_get
from rtseg_ros.verdict import Verdict

ROBOT, SEGMENT, EVALUATE, TRAIN = PURPOSES = ('robot', 'segment', 'evaluate', 'train')
# Looked at by checks of their own.
_ELSEWHERE = ('cv2', 'onnxruntime')


def packages(purpose: str) -> Iterator[Verdict]:
    """Look at what a verb without ROS needs; nothing of a robot, whose ROS is another check.

    Args:
        purpose: One of PURPOSES.
    """
    if purpose == ROBOT:
        return
    needed = _needed(purpose)
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        yield Verdict(
            'packages', False,
            f'{", ".join(missing)} not installed; {how_to_get(missing[0], verb=purpose)}',
        )  # fmt: skip
    elif needed:
        yield Verdict('packages', True, f'all that rtseg {purpose} needs: {", ".join(needed)}')
    if purpose == TRAIN and 'torch' not in missing:
        yield torch()


def torch() -> Verdict:
    """Look at PyTorch and at what it can compute on."""
    try:
        library = importlib.import_module('torch')
        cuda = library.cuda.is_available()
    except Exception as error:  # noqa: BLE001  a broken package raises what it likes
        return Verdict('PyTorch', False, f'{type(error).__name__}: {error}; install it again')
    if cuda:
        device = library.cuda.get_device_name(0)
    else:
        device = f'no GPU that it can use, so {os.cpu_count()} cores: small networks only'
    return Verdict('PyTorch', True, f'{library.__version__}, {device}')


def _needed(verb: str) -> list[str]:
    """Return the modules that a verb needs, without those that only older Pythons do."""
    elsewhere = _ELSEWHERE if sys.version_info < (3, 14) else (*_ELSEWHERE, 'backports')
    return [
        module
        for module, extra in EXTRA_OF.items()
        if extra in NEEDS[verb] and module not in elsewhere
    ]
