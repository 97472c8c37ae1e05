# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fuzzing: inputs made from good ones, and what a reader may do with them.

A reader may answer or raise its documented error. Anything else is a crash: another exception, a
signal, no end within ``HANG_S``, or more memory than ``MEMORY_BYTES`` beyond what the process had.

In a run of all tests every reader gets ``--fuzz-runs`` inputs, the same ones each time;
``make fuzz MINUTES=60`` gives each of them new ones for so long. What a reader got last lies in
``build/fuzz``, so that an input that ends the whole process can be found.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import copy
import json
import math
import os
from pathlib import Path
import re
import resource
import signal
import struct
import time
import traceback
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

HANG_S = 60
MEMORY_BYTES = 2**30
LAST_INPUTS = Path(__file__).parents[2] / 'build' / 'fuzz'
_BATCH = 500
_KEY = 'fuzzed'
# Numbers at which readers break.
NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1,
           2**63, 2**64 - 1)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, *NUMBERS, -1, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308, math.nan,
    math.inf, -math.inf, '', 'x', 'x' * 3000, '\0', '\ud800', 'ä', '255', 'nan', '1e999', [], {},
    [[]], [0], [1, 2, 3], [0.5] * 3, ['x', 'x'], {'': None}, {'name': 'x'},
)  # fmt: skip
_LAYOUTS = ('<B', '<H', '>H', '<I', '>I', '<Q', '>Q')


class Hang(BaseException):
    """A reader does not end; no reader catches it."""


class Crash(AssertionError):
    """What a reader did that it may not."""


@st.composite
def damaged(draw: Any, seeds: list[bytes]) -> bytes:
    """Return one of these, or parts of two, with up to eight changes."""
    data = bytearray(draw(st.sampled_from(seeds)))
    place = st.integers(0, 2**20)
    for _ in range(draw(st.integers(0, 8))):
        start = draw(place) % (len(data) + 1)
        end = min(start + draw(st.integers(0, 64)), len(data))
        change = draw(st.sampled_from(_CHANGES))
        change(draw, data, start, end, seeds)
    return bytes(data)


def _overwrite(draw: Any, data: bytearray, start: int, end: int, _: list[bytes]) -> None:
    data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))


def _insert(draw: Any, data: bytearray, start: int, _: int, __: list[bytes]) -> None:
    data[start:start] = draw(st.binary(max_size=16))


def _number(draw: Any, data: bytearray, start: int, _: int, __: list[bytes]) -> None:
    layout, number = draw(st.sampled_from(_LAYOUTS)), draw(st.sampled_from(NUMBERS))
    size = struct.calcsize(layout)
    data[start : start + size] = struct.pack(layout, number % 256**size)


def _flip(draw: Any, data: bytearray, start: int, _: int, __: list[bytes]) -> None:
    if start < len(data):
        data[start] ^= 1 << draw(st.integers(0, 7))


def _remove(_: Any, data: bytearray, start: int, end: int, __: list[bytes]) -> None:
    del data[start:end]


def _repeat(_: Any, data: bytearray, start: int, end: int, __: list[bytes]) -> None:
    data[end:end] = data[start:end]


def _cut_off(_: Any, data: bytearray, start: int, __: int, ___: list[bytes]) -> None:
    del data[start:]


def _splice(draw: Any, data: bytearray, start: int, _: int, seeds: list[bytes]) -> None:
    other = draw(st.sampled_from(seeds))
    data[start:] = other[min(start, len(other)) :]


_CHANGES = (_overwrite, _insert, _number, _number, _flip, _flip, _remove, _repeat, _cut_off,
            _splice)  # fmt: skip


@st.composite
def changed(draw: Any, documents: list[Any]) -> Any:
    """Return one of these documents of plain types, with up to three values changed."""
    document = [copy.deepcopy(draw(st.sampled_from(documents)))]
    for _ in range(draw(st.integers(0, 3))):
        inside: Any = document
        while True:
            key = draw(st.sampled_from([0] if inside is document else _keys(inside)))
            if not (isinstance(inside[key], dict | list) and inside[key]) or (
                inside is not document and draw(st.booleans())
            ):
                break
            inside = inside[key]
        if inside is document or draw(st.integers(0, 3)):
            inside[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        else:
            del inside[key]
    return document[0]


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value)))


def json_text(document: Any) -> str:
    """Write JSON with what Python's reader takes beyond the standard: NaN and infinities."""
    return json.dumps(document)


@contextmanager
def bounded() -> Iterator[None]:
    """Bound what is in here in time and memory.

    Raises:
        Hang: If it takes too long.
        MemoryError: If it takes too much.
    """
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    handler = signal.signal(signal.SIGALRM, _on_alarm)
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * os.sysconf('SC_PAGE_SIZE') + MEMORY_BYTES, most)
    )
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (before, most))
        signal.signal(signal.SIGALRM, handler)


def _on_alarm(*_: Any) -> None:
    raise Hang(f'no end within {HANG_S} s')


def _for_want_of_memory(error: BaseException | None) -> bool:
    """Tell whether a refusal is only that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError) or 'bad_alloc' in str(error) or 'OutOfMem' in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


class Fuzz:
    """Gives one reader inputs, and counts them."""

    def __init__(self, item: pytest.Item, config: pytest.Config) -> None:
        self._name = item.name.removeprefix('test_').replace('_', ' ')
        self._properties = item.user_properties  # travels with the reports of workers
        self._runs: int = config.getoption('--fuzz-runs')
        self._minutes: float = config.getoption('--fuzz-minutes')
        self._last = LAST_INPUTS / re.sub(r'\W+', '_', self._name)
        self._tried = self._refused = 0

    def __call__(
        self,
        inputs: 'st.SearchStrategy[Any]',
        read: Callable[[Any], Any],
        *errors: type[Exception],
    ) -> None:
        """Have the reader read.

        Args:
            inputs: What it gets.
            read: The reader, and what is done with its answer.
            errors: Those that it documents.
        """
        LAST_INPUTS.mkdir(parents=True, exist_ok=True)

        def one(data: Any) -> None:
            self._tried += 1
            self._last.write_bytes(data if isinstance(data, bytes) else repr(data).encode())
            try:
                with bounded():
                    read(data)
            except errors as error:
                self._refused += 1
                if _for_want_of_memory(error):
                    raise Crash(f'more than {MEMORY_BYTES >> 20} MiB were wanted') from None
            except (Exception, Hang):  # by its words: some have a traceback that breaks pytest
                raise Crash(traceback.format_exc(limit=-4)) from None

        batch = settings(
            max_examples=_BATCH if self._minutes else self._runs,
            derandomize=not self._minutes, database=None, deadline=None,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        )  # fmt: skip
        end = time.monotonic() + self._minutes * 60
        try:
            while True:
                batch(given(inputs)(one))()
                if time.monotonic() >= end:
                    break
        finally:
            self._properties.append((_KEY, (self._name, self._tried, self._refused)))
        self._last.unlink()


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Return what gives a reader inputs; the reader is named after the test."""
    return Fuzz(request.node, request.config)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup('fuzzing')
    group.addoption('--fuzz-runs', type=int, default=40, help='inputs for each reader')
    group.addoption('--fuzz-minutes', type=float, default=0, help='new inputs for so long instead')


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        value
        for outcome in ('passed', 'failed')
        for report in terminalreporter.getreports(outcome)
        if report.when == 'call'
        for key, value in report.user_properties
        if key == _KEY
    ]
    for name, tried, refused in rows:
        terminalreporter.write_line(f'{name:<34} {tried:>9} inputs, {refused:>9} refused')
    if rows:
        tried = sum(row[1] for row in rows)
        terminalreporter.write_line(f'{len(rows)} readers, {tried} inputs')
