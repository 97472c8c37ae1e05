"""Two processes that share the tests never run two tests over DDS at once."""

from types import SimpleNamespace

import workers


def told(ids, over_dds, **config):
    """What a worker tells of tests with these ids, and what it keeps for itself."""
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
    return during


IDS = ['a.py::test_1', 'a.py::test_2[x@dds]', 'a.py::test_3', 'b.py::test_1', 'b.py::test_2']


def test_tests_over_dds_stay_together_and_others_with_their_file():
    shares = [workers.scope_of(one) for one in told(IDS, {IDS[2], IDS[4]}, workerinput={})]
    assert shares[0] == shares[1] != shares[3]
    assert shares[2] == shares[4]
    assert len(set(shares)) == 3


def test_one_process_needs_no_shares():
    assert told(IDS, {IDS[2]}) == IDS
