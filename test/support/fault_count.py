# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Counts the kinds of fault that a run tried: ``make faults`` prints it, docs/nodes.md says it.

``@pytest.mark.fault(kinds=1, said=1)``: the test tries so many kinds, and asserts of so many the
words that say why; the others are answered rightly. A kind is survived if its test passes.
"""

import pytest

_KEY = 'fault kinds'


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'fault(kinds=1, said=1): tries so many kinds of fault')


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := item.get_closest_marker('fault'):
            counts = marker.kwargs.get('kinds', 1), marker.kwargs.get('said', 1)
            item.user_properties.append((_KEY, counts))  # travels with the reports of workers


def _counts(report) -> list[tuple[int, int]]:
    # A file that cannot be collected has a report without properties.
    return [value for key, value in getattr(report, 'user_properties', ()) if key == _KEY]


def pytest_terminal_summary(terminalreporter) -> None:
    tried = survived = said = 0
    for outcome in ('passed', 'failed', 'error'):
        for report in terminalreporter.getreports(outcome):
            for kinds, words in _counts(report):
                if outcome != 'passed' or report.when == 'call':
                    tried += kinds
                if outcome == 'passed' and report.when == 'call':
                    survived, said = survived + kinds, said + words
    if tried:
        terminalreporter.write_line(
            f'{tried} kinds of fault tried: {survived} survived, {said} of them with the reason '
            f'said, {survived - said} with the right answer'
        )
