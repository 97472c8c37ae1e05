# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of what files of tests take."""

from types import SimpleNamespace

import cpu_seconds


def test_phases_of_a_file_are_added_and_the_largest_comes_first():
    reports = [
        SimpleNamespace(nodeid='a.py::test_1', cpu_s=1.0),
        SimpleNamespace(nodeid='b.py::test_1', cpu_s=2.5),
        SimpleNamespace(nodeid='a.py::test_2[x::y]', cpu_s=2.0),
        SimpleNamespace(nodeid='c.py'),  # one that could not be collected
    ]
    assert cpu_seconds.table(reports, 2) == ['     3.0  a.py', '     2.5  b.py']
