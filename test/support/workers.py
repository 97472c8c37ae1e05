# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which of several processes runs a test: one takes all tests over DDS, else a room stays whole.

``make test`` and ``make check`` run ``pytest -n 3 --dist loadfile``. Nodes that start beside
other nodes are late, so no two tests over DDS may run at the same time, and all others give way
to these; and what the tests of a room make once, e.g. exported networks, is made in one process.
(The groups of pytest-xdist 3.8 have no effect under pytest 9.2.)
"""

from collections.abc import Iterator
import functools
import os
from types import SimpleNamespace
from typing import Any

import pytest

_ONE_AT_A_TIME = '@dds'
# Those that take longest begin, so that the others fill the end: first what waits for nodes.
_FIRST = (_ONE_AT_A_TIME, 'test/conversion', 'test/networks', 'test/runtime', 'test/benchmark')
_NICENESS = 10  # of those that give way


def scope_of(told: str) -> str:
    """Return what must stay in one process, for what a worker told of a test."""
    if told.endswith(_ONE_AT_A_TIME):
        return _ONE_AT_A_TIME
    return '/'.join(told.split('::')[0].split('/')[:2])


def _told(item: pytest.Item) -> str:
    return item.nodeid + _ONE_AT_A_TIME * bool(item.get_closest_marker('dds'))


def _place(item: pytest.Item) -> int:
    scope = scope_of(_told(item))
    return _FIRST.index(scope) if scope in _FIRST else len(_FIRST)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> Iterator[None]:
    """Let a worker tell the process that shares the tests out which of them are over DDS."""
    if not hasattr(session.config, 'workerinput'):
        return (yield)
    items = session.items
    items.sort(key=_place)
    session.items = [SimpleNamespace(nodeid=_told(item)) for item in items]  # type: ignore[misc]
    try:
        return (yield)
    finally:
        session.items = items


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not installed
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue('dist') != 'loadfile':
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    config.option.loadscopereorder = False  # the order is that of _FIRST
    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to the tests over DDS; the process that has them begins with them."""
    if hasattr(item.config, 'workerinput') and not item.get_closest_marker('dds'):
        _give_way()


@functools.cache
def _give_way() -> None:
    os.nice(_NICENESS)
