"""The same bags as tasks of a Ray cluster: placement, retries and loss of nodes are Ray's."""

from collections.abc import Callable, Iterator, Sequence
import logging
import os
import socket
from typing import Any

from rtseg_ros import __version__
from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.task import BagResult, Work, failed
from rtseg_ros.evaluation.fleet.workers.worker import end_after, run_task

_POLL_S = 0.3
_PREFLIGHT_S = 60
_KNOCK_S = 5


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
        EvaluationError: If the cluster cannot be reached, or a node has another version of
            this package.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    import ray

    own = not ray.is_initialized()
    if own:
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise EvaluationError(
                f"the Ray cluster '{address}' cannot be reached ({error}); start one with "
                "'ray start --head', or name its address"
            ) from error
    try:
        _check_versions(ray)
        yield from _tasks(ray, work, bags, timeout_s=timeout_s, retries=retries, moved=moved)
    finally:
        if own:
            ray.shutdown()


def _knock(address: str) -> None:
    """Connect once where nobody may listen: Ray itself tries for minutes, then ends the process.

    Raises:
        OSError: If nobody listens.
        ValueError: If the address has no port.
    """
    host, colon, port = address.removeprefix('ray://').rpartition(':')
    if colon:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()


def _tasks(
    ray: Any,
    work: Work,
    bags: Sequence[FoundBag],
    *,
    timeout_s: float | None,
    retries: int,
    moved: Callable[[int], None],
) -> Iterator[tuple[FoundBag, BagResult]]:
    settings = work.settings
    on_gpu = settings.engine == 'tensorrt' or any('CPU' not in p for p in settings.providers)
    task = ray.remote(_run).options(
        num_cpus=max(settings.threads, 1), num_gpus=int(on_gpu), max_retries=retries
    )
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
    timer = end_after(timeout_s) if timeout_s else None
    try:
        return run_task(work, path)
    finally:
        if timer is not None:
            timer.cancel()


def _check_versions(ray: Any) -> None:
    """Ask every node for its version, before a wrong one makes a hundred bags fail."""
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    ask = ray.remote(_version).options(num_cpus=0)
    asked = {
        node['NodeManagerAddress']: ask.options(
            scheduling_strategy=strategy(node['NodeID'], soft=False)
        ).remote()
        for node in ray.nodes()
        if node['Alive']
    }
    for address, reference in asked.items():
        try:
            version = ray.get(reference, timeout=_PREFLIGHT_S)
        except ray.exceptions.RayError as error:
            raise EvaluationError(
                f'the node {address} of the cluster cannot run rtseg_ros '
                f'({str(error).strip().splitlines()[-1]}); install it there'
            ) from error
        if version != __version__:
            raise EvaluationError(
                f'the node {address} of the cluster has rtseg_ros {version}, this machine '
                f'{__version__}; install the same on all'
            )


def _version() -> str:
    from rtseg_ros import __version__ as version

    return version


def _why(error: Exception, timeout_s: float | None, retries: int) -> str:
    limit = f', or took longer than {timeout_s:g} s (--bag-timeout)' if timeout_s else ''
    name = type(error).__name__
    if name in ('WorkerCrashedError', 'NodeDiedError', 'OutOfMemoryError'):
        return f'it killed its worker {retries + 1} times{limit} ({name})'
    last = str(error).strip().splitlines()
    return f'{name}: {last[-1] if last else "no message"}'
