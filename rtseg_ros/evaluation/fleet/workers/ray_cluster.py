# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A Ray cluster before it is used: reached, able to run a bag, and of the same version."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import signal
import socket
import tempfile
import threading
from typing import Any

from rtseg_ros import __version__
from rtseg_ros.errors import EvaluationError

AUTO = 'auto'
_LOOPBACK = ('127.0.0.1', 'localhost')
_KNOCK_S = 5
_ANSWER_S = 120


@dataclass(frozen=True)
class Need:
    """What one task asks a node for.

    Attributes:
        cpus: One for each thread of an inference.
        gpus: 1 where the engine runs on one.
    """

    cpus: int
    gpus: int

    def __str__(self) -> str:
        """Name it."""
        return f'{self.cpus} CPUs' + (f' and {self.gpus} GPU' if self.gpus else '')


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a cluster and disconnect in the end; yield the library.

    Args:
        address: Of the cluster; ``auto`` for the one that runs on this machine.

    Raises:
        EvaluationError: If Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    address = _address_of(address)
    if _host_and_port(address)[0] in _LOOPBACK:
        # Ray puts the address of the network in its place otherwise, where nobody may listen.
        os.environ.setdefault('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
    try:
        import ray
    except ImportError as error:
        raise EvaluationError(
            f"--ray needs the package 'ray' ({error}); install rtseg_ros[ray] here and on every "
            'node'
        ) from error
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise EvaluationError(
            f"the Ray cluster '{address}' cannot be reached ({error}); start one with "
            "'ray start --head', or name its address"
        ) from error
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():  # Ray ends the process on SIGTERM: no report
            signal.signal(number, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def check_nodes(ray: Any, need: Need) -> None:
    """Ask every node that could run a bag for its version, before a wrong one fails a hundred.

    Args:
        ray: The library, connected.
        need: Of one task.

    Raises:
        EvaluationError: If no node can ever run a task, for which Ray would wait for ever, or
            one lacks this package, or has another version of it.
    """
    nodes = {_name(node): node for node in ray.nodes() if node['Alive']}
    able = {name: node for name, node in nodes.items() if _can(node, need)}
    if not able:
        have = ', '.join(
            f'{name}: {node["Resources"].get("CPU", 0):g} CPUs and '
            f'{node["Resources"].get("GPU", 0):g} GPUs'
            for name, node in nodes.items()
        )
        raise EvaluationError(
            f'no node of the cluster has the {need} that a bag asks for ({have}); give fewer '
            '--threads, another --engine, or start such a node first'
        )

    # Sent by value: a node with an old version has no such function.
    def version() -> str:
        import rtseg_ros

        return rtseg_ros.__version__

    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    ask = ray.remote(version)
    asked = {
        name: ask.options(
            num_cpus=0, scheduling_strategy=strategy(node['NodeID'], soft=False)
        ).remote()
        for name, node in able.items()
    }
    for name, reference in asked.items():
        try:
            found = ray.get(reference, timeout=_ANSWER_S)
        except ray.exceptions.GetTimeoutError as error:
            raise EvaluationError(
                f'the node {name} of the cluster gave no answer for {_ANSWER_S} s; look at it '
                "with 'ray status', or remove it"
            ) from error
        except ray.exceptions.RayError as error:
            raise EvaluationError(
                f'the node {name} of the cluster cannot run rtseg_ros '
                f'({str(error).strip().splitlines()[-1]}); install it there'
            ) from error
        if found != __version__:
            raise EvaluationError(
                f'the node {name} of the cluster has rtseg_ros {found}, this machine '
                f'{__version__}; install the same on all'
            )


def _can(node: dict[str, Any], need: Need) -> bool:
    have = node['Resources']
    return bool(have.get('CPU', 0) >= need.cpus and have.get('GPU', 0) >= need.gpus)


def _name(node: dict[str, Any]) -> str:
    """Return the address of a node and, as several can have the same, the start of its id."""
    return f'{node["NodeManagerAddress"]} ({node["NodeID"][:8]})'


def _address_of(address: str) -> str:
    """Return where the cluster of this machine is, as Ray itself finds it; others as given."""
    if address != AUTO:
        return address
    folder = os.environ.get('RAY_TMPDIR', tempfile.gettempdir())
    note = Path(folder) / 'ray' / 'ray_current_cluster'
    noted = note.read_text(encoding='utf-8').strip() if note.is_file() else ''
    return os.environ.get('RAY_ADDRESS') or noted or address


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.removeprefix('ray://').rpartition(':')
    return host.strip('[]'), port


def _knock(address: str) -> None:
    """Connect once where nobody may listen: Ray itself tries for minutes, then ends the process.

    Raises:
        OSError: If nobody listens.
        ValueError: If the port is no number.
    """
    host, port = _host_and_port(address)
    if host:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
