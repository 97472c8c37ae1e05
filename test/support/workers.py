"""Which of several processes runs a test: one takes all tests over DDS, else a file stays whole.

``make check`` and ``make test WORKERS=2`` run ``pytest -n 2 --dist loadfile``. Nodes that start
beside other nodes are late, so no two tests over DDS may run at the same time; and a fixture of a
module is made once. (The groups of pytest-xdist 3.8 have no effect under pytest 9.2.)
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

_ONE_AT_A_TIME = '@dds'


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> Iterator[None]:
    """Let a worker tell the process that shares the tests out which of them are over DDS."""
    if not hasattr(session.config, 'workerinput'):
        return (yield)
    items = session.items
    told = [
        SimpleNamespace(nodeid=item.nodeid + _ONE_AT_A_TIME * bool(item.get_closest_marker('dds')))
        for item in items
    ]
    session.items = told  # type: ignore[assignment]
    try:
        return (yield)
    finally:
        session.items = items


def scope_of(told: str) -> str:
    """Return what must stay in one process, for what a worker told of a test."""
    return _ONE_AT_A_TIME if told.endswith(_ONE_AT_A_TIME) else told.split('::')[0]


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not installed
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue('dist') != 'loadfile':
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return Scheduling(config, log)
