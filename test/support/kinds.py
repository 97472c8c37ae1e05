# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which tests are quick: told by markers, most of them set here from fixtures, and watched.

A test is ``quick`` unless it has one of the markers in ``SLOW``. ``make check`` runs the quick
ones; one of them that starts a process, exports a network, trains or opens a browser fails and
says which marker it lacks. Only tests over DDS are tried again: discovery can be late on a busy
machine, and nothing else may be.
"""

import functools
import importlib.util
import multiprocessing.util
from pathlib import Path
import platform
import sys
from typing import Any

import pytest

SLOW = {
    'dds': 'real nodes over real DDS; tried again when late',
    'process': 'starts a process',
    'export': 'exports a network with torch.onnx.export',
    'training': 'trains a network, if only for a step',
    'browser': 'opens a browser',
    'dataset': 'computes a figure over a whole data set',
    'zoo': 'runs one network of the zoo after the other, for many seconds',
    'downloads': 'fetches packages of up to 100 MB from the package index, once',
}
# What a fixture does, every test does that asks for it, directly or through another fixture.
KIND_OF_FIXTURE = {
    'ros': 'dds',
    'launch_installed': 'dds',
    'chromium': 'browser',
    'gcc': 'process',
    'cudart_library': 'process',
}
STARTS = ('subprocess.Popen', 'os.posix_spawn', 'os.fork', 'os.forkpty', 'os.system')
# Once in a home folder: matplotlib asks for the fonts of the machine.
PASSED_OVER = ('fc-list',)

_running: pytest.Item | None = None


def kinds_of(item: pytest.Item) -> list[str]:
    """Return the markers of SLOW that a test has."""
    return [kind for kind in SLOW if item.get_closest_marker(kind)]


def pytest_configure(config: pytest.Config) -> None:
    for kind, meaning in SLOW.items():
        config.addinivalue_line('markers', f'{kind}: {meaning}')
    config.addinivalue_line('markers', 'quick: has none of the others (set by test/support)')
    if not importlib.util.find_spec('pytest_rerunfailures'):
        config.addinivalue_line('markers', 'flaky: pytest-rerunfailures is not installed')
    platform.platform()  # starts `uname` the first time, and keeps the answer
    _watch_processes()


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, 'fixturenames', ()):
            if fixture in KIND_OF_FIXTURE:
                item.add_marker(KIND_OF_FIXTURE[fixture])
        kinds = kinds_of(item)
        if 'dds' in kinds:
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=2))
        if not kinds:
            item.add_marker('quick')


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    global _running
    _running = item if item.get_closest_marker('quick') else None
    if 'torch' in sys.modules:
        _watch_torch()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    global _running
    _running = None


def _is_not_quick(kind: str, what: str) -> None:
    """Fail the running test if it is a quick one; no ``except Exception`` catches that."""
    if _running is not None:
        pytest.fail(
            f'{_running.nodeid} is in the quick set and {what}; mark it with '
            f'@pytest.mark.{kind}, or its module with pytestmark = pytest.mark.{kind}, or name '
            f'its fixture in KIND_OF_FIXTURE of test/support/{Path(__file__).name}'
        )


@functools.cache
def _watch_processes() -> None:
    sys.addaudithook(_on_audit_event)
    spawn = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]

    def watched(path: Any, *others: Any) -> Any:
        _is_not_quick('process', f'starts a process of multiprocessing, {path!r}')
        return spawn(path, *others)

    multiprocessing.util.spawnv_passfds = watched  # type: ignore[attr-defined]


def _on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS:
        words = arguments[1] if event == 'subprocess.Popen' else list(arguments[:1])
        words = [words] if isinstance(words, str | bytes | Path) else list(words)
        text = ' '.join(map(str, words))
        if not words or Path(str(words[0])).name not in PASSED_OVER:
            kind = 'browser' if 'chromium' in text or 'chrome' in text else 'process'
            _is_not_quick(kind, f'starts a process ({event}: {text[:100]})')
    elif event == 'webbrowser.open':
        _is_not_quick('browser', 'opens a browser')


@functools.cache
def _watch_torch() -> None:
    import torch
    from torch.optim.optimizer import register_optimizer_step_post_hook

    export = torch.onnx.export

    @functools.wraps(export)
    def watched(*arguments: Any, **options: Any) -> Any:
        _is_not_quick('export', 'calls torch.onnx.export')
        return export(*arguments, **options)

    torch.onnx.export = watched
    register_optimizer_step_post_hook(
        lambda *_: _is_not_quick('training', 'steps an optimiser, so it trains')
    )
