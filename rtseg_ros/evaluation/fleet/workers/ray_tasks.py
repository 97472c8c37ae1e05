# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags as tasks of a Ray cluster: placement, retries and loss of nodes are Ray's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.task import BagResult, Work, failed
from rtseg_ros.evaluation.fleet.workers.ray_cluster import Need, check_nodes, connected
from rtseg_ros.evaluation.fleet.workers.worker import end_after, run_task

_POLL_S = 0.3


def run_on_ray(
    work: Work,
    bags: Sequence[FoundBag],
    *,
    address: str,
    timeout_s: float | None,
    retries: int,
    moved: Callable[[int], None],
) -> Iterator[tuple[FoundBag, BagResult]]:
    """Run bags on a cluster; yield each with its result, in the order in which they end.

    Every bag is one task, which asks for as many CPUs as an inference has threads, and for a GPU
    where the engine runs on one. A worker keeps its models, so tasks after its first load none.

    Args:
        work: Models and settings.
        bags: Paths as every node sees them.
        address: Of the cluster; ``auto`` for the one that runs on this machine.
        timeout_s: After which a bag's worker ends itself; None for never.
        retries: How often Ray runs a bag again whose worker or node was lost.
        moved: Called with the number of frames of each bag that ended.

    Raises:
        EvaluationError: If the cluster cannot be reached, no node of it can run a bag, or a node
            has another version of this package.
    """
    settings = work.settings
    on_gpu = settings.engine == 'tensorrt' or any('CPU' not in p for p in settings.providers)
    need = Need(max(settings.threads, 1), int(on_gpu))
    with connected(address) as ray:
        check_nodes(ray, need)
        yield from _tasks(ray, work, bags, need, timeout_s, retries, moved)


def _tasks(
    ray: Any,
    work: Work,
    bags: Sequence[FoundBag],
    need: Need,
    timeout_s: float | None,
    retries: int,
    moved: Callable[[int], None],
) -> Iterator[tuple[FoundBag, BagResult]]:
    task = ray.remote(_run).options(num_cpus=need.cpus, num_gpus=need.gpus, max_retries=retries)
    shared = ray.put(work)
    running = {task.remote(shared, str(bag.path), timeout_s): bag for bag in bags}
    try:
        while running:
            done, _ = ray.wait(list(running), timeout=_POLL_S)
            for reference in done:
                bag = running.pop(reference)
                try:
                    result: BagResult = ray.get(reference)
                except ray.exceptions.RayError as error:
                    result = failed(_why(error, timeout_s, retries))
                moved(len(result.frames.get('frame', ())))
                yield bag, result
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _run(work: Work, path: str, timeout_s: float | None) -> BagResult:
    """Run one bag in a worker of the cluster."""
    timer = end_after(timeout_s) if timeout_s else None
    try:
        result = run_task(work, path)
    finally:
        if timer is not None:
            timer.cancel()
    if not result.fatal:
        return result
    import ray

    node = ray.util.get_node_ip_address()
    return replace(result, reason=f'on the node {node} of the cluster: {result.reason}')


def _why(error: Exception, timeout_s: float | None, retries: int) -> str:
    limit = f', or took longer than {timeout_s:g} s (--bag-timeout)' if timeout_s else ''
    name = type(error).__name__
    if name in ('WorkerCrashedError', 'NodeDiedError', 'OutOfMemoryError'):
        return f'it killed its worker {retries + 1} times{limit} ({name})'
    last = str(error).strip().splitlines()
    return f'{name}: {last[-1] if last else "no message"}'
