# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags on a real Ray cluster of two nodes of this machine, one of which dies on the way."""

import pytest

pytest.importorskip('ray', reason='ray is not installed')

import ray
from ray.cluster_utils import Cluster
from test_fleet_run import fleet, run, untimed  # noqa: F401

from rtseg_ros.errors import EngineError, EvaluationError
from rtseg_ros.evaluation.fleet.find import find_bags
from rtseg_ros.evaluation.fleet.run import load_model
from rtseg_ros.evaluation.fleet.task import TaskSettings
from rtseg_ros.evaluation.fleet.workers import ray_cluster

pytestmark = pytest.mark.process

NODE = {'num_cpus': 1, 'object_store_memory': 100 << 20}


@pytest.fixture(scope='module')
def cluster():
    """Two nodes with one CPU each, bound to 127.0.0.1."""
    head = {**NODE, 'node_ip_address': '127.0.0.1', 'include_dashboard': False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def test_the_same_as_the_pool(fleet, tiny_model, tmp_path, watcher, cluster):  # noqa: F811
    pool = run(fleet, tiny_model, tmp_path / 'pool', watcher).report
    assert watcher.count == pool['figures']['accounting']['received']
    on_ray = run(fleet, tiny_model, tmp_path / 'ray', watcher, ray=cluster.address).report
    assert untimed(on_ray) == untimed(pool)
    assert on_ray['statuses'] == {'done': 3, 'partial': 1, 'failed': 1}
    assert watcher.count == 2 * pool['figures']['accounting']['received']
    assert not ray.is_initialized()


def test_a_worker_that_ends_is_tried_again_then_listed(
    make_bag, tiny_model, tmp_path, watcher, cluster
):
    bags = find_bags([str(make_bag('slow', range(30)))])
    done = run(bags, tiny_model, tmp_path / 'out', watcher, ray=cluster.address, timeout_s=0.001)
    assert done.report['bags'][0]['reason'] == (
        'it killed its worker 2 times, or took longer than 0.001 s (--bag-timeout) '
        '(WorkerCrashedError)'
    )


def test_another_version_is_refused_by_node(
    make_bag, tiny_model, tmp_path, watcher, cluster, monkeypatch
):
    monkeypatch.setattr(ray_cluster, '__version__', '0.0.1')
    bags = find_bags([str(make_bag('one', range(2)))])
    with pytest.raises(EvaluationError, match=r'node 127.0.0.1 \(\w{8}\) .* this machine 0.0.1'):
        run(bags, tiny_model, tmp_path / 'out', watcher, ray=cluster.address)


def test_a_task_that_no_node_can_hold_is_not_waited_for(
    make_bag, tiny_model, tmp_path, watcher, cluster
):
    bags = find_bags([str(make_bag('one', range(2)))])
    with pytest.raises(EvaluationError, match=r'no node .* the 64 CPUs .*give fewer --threads'):
        run(bags, tiny_model, tmp_path / 'out', watcher, ray=cluster.address,
            settings=TaskSettings(threads=64))  # fmt: skip


def test_a_node_without_the_engine_is_named(make_bag, tiny_model, tmp_path, watcher, cluster):
    bags = find_bags([str(make_bag('one', range(2)))])
    settings = TaskSettings(providers=('NoSuchCPUProvider',))
    done = run(bags, tiny_model, tmp_path / 'out', watcher, ray=cluster.address, settings=settings)
    assert isinstance(done.error, EngineError)
    assert 'on the node 127.0.0.1 of the cluster: the model cannot be loaded' in str(done.error)


@pytest.mark.parametrize('address', ['127.0.0.1:1', 'ray://127.0.0.1:1', '127.0.0.1:port'])
def test_the_cluster_must_be_there(make_bag, tiny_model, tmp_path, watcher, address):
    bags = find_bags([str(make_bag('one', range(2)))])
    with pytest.raises(EvaluationError, match=r'cannot be reached .*ray start --head'):
        run(bags, tiny_model, tmp_path / 'out', watcher, ray=address)


def test_the_cluster_of_this_machine_is_the_one_ray_noted(tmp_path, monkeypatch):
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    monkeypatch.setenv('RAY_TMPDIR', str(tmp_path))
    (tmp_path / 'ray').mkdir()
    (tmp_path / 'ray' / 'ray_current_cluster').write_text('127.0.0.1:1')
    with (
        pytest.raises(EvaluationError, match="cluster '127.0.0.1:1' cannot be reached"),
        ray_cluster.connected('auto'),
    ):
        pass


def test_the_bags_of_a_lost_node_are_done_by_the_other(
    make_bag, make_model, tmp_path, watcher, cluster
):
    """Last: one node is left afterwards."""
    for name in 'abcdef':
        make_bag(f'many/{name}', range(4))
    slow = load_model(make_model('fleet_slow', stride=1, size_hw=(240, 320), work=4))
    note = watcher.bag

    def lose_a_node(*ended):
        note(*ended)
        if len(watcher.ended) == 1:
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    watcher.bag = lose_a_node
    bags = find_bags([str(tmp_path / 'many')])
    report = run(bags, slow, tmp_path / 'out', watcher, ray=cluster.address).report
    assert report['statuses'] == {'done': 6}
    assert len(cluster.list_all_nodes()) == 1
