# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Processes that share the tests never run two tests over DDS at once, and give way to these."""

from types import SimpleNamespace

import workers


def told(ids, over_dds, **config):
    """What a worker tells of tests with these ids, in the order in which it keeps them."""
    items = [
        SimpleNamespace(nodeid=i, get_closest_marker=lambda kind, i=i: i in over_dds) for i in ids
    ]
    session = SimpleNamespace(items=items, config=SimpleNamespace(**config))
    steps = workers.pytest_collection_finish(session)
    next(steps)
    during = [item.nodeid for item in session.items]
    for _ in steps:
        raise AssertionError('a wrapper yields once')
    assert session.items is items
    assert all(one.startswith(item.nodeid) for one, item in zip(during, items, strict=True))
    return during


IDS = [
    'test/test_a.py::test_1', 'test/labels/test_b.py::test_1',
    'test/labels/deep/test_c.py::test_1', 'test/conversion/test_d.py::test_1',
    'test/nodes/test_e.py::test_1[x@dds]', 'test/nodes/test_e.py::test_2',
    'test/test_f.py::test_1', 'test/labels/test_b.py::test_2',
]  # fmt: skip
OVER_DDS = {IDS[5], IDS[7]}


def test_tests_over_dds_stay_together_and_others_with_their_room():
    shares = {}
    for one in told(IDS, OVER_DDS, workerinput={}):
        shares.setdefault(workers.scope_of(one), set()).add(one.removesuffix('@dds'))
    together = [{IDS[5], IDS[7]}, {IDS[1], IDS[2]}, {IDS[0]}, {IDS[6]}, {IDS[3]}]
    assert sorted(map(sorted, shares.values())) == sorted(
        map(sorted, [*together, {IDS[4].removesuffix('@dds')}])
    )


def test_those_that_take_longest_begin():
    shares = [workers.scope_of(one) for one in told(IDS, OVER_DDS, workerinput={})]
    assert list(dict.fromkeys(shares))[:2] == ['@dds', 'test/conversion']


def test_one_process_needs_no_shares():
    assert told(IDS, OVER_DDS) == IDS


def test_a_process_gives_way_once_and_never_for_tests_over_dds(monkeypatch):
    given = []
    monkeypatch.setattr(workers.os, 'nice', given.append)
    workers._give_way.cache_clear()

    def begin(over_dds, **config):
        item = SimpleNamespace(
            config=SimpleNamespace(**config), get_closest_marker=lambda kind: over_dds
        )
        workers.pytest_runtest_setup(item)

    begin(over_dds=False)  # alone: nobody to give way to
    begin(over_dds=True, workerinput={})
    assert given == []
    begin(over_dds=False, workerinput={})
    begin(over_dds=False, workerinput={})
    assert given == [workers._NICENESS]
