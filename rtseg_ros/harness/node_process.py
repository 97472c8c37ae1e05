# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts and stops nodes in processes of their own, in a graph apart from others."""

from collections.abc import Mapping, Sequence
import importlib.util
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import IO, Any

from rtseg_ros.errors import RtsegError


class NodeProcess:
    """One node in a process of its own, stopped by SIGINT, its output in a log file.

    It ends with the process that started it, even if that is killed.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log_dir: Path,
        *,
        module: str = '',
        words: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            name: Of the node's module in ``rtseg_ros.nodes``; of the log.
            arguments: For ROS.
            log_dir: Receives the log.
            module: What to run instead of that module.
            words: For the program itself.
        """
        self.name = name
        self.log_path = log_dir / f'{name}.log'
        module = module or f'rtseg_ros.nodes.{name}'
        self._log: IO[bytes] = self.log_path.open('wb')
        bound = [sys.executable, '-m', 'rtseg_ros.harness.bound', str(os.getpid())]
        self.process = subprocess.Popen(
            [*bound, module, *words, '--ros-args', *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the caller, which then stops its nodes
        )

    def __enter__(self) -> 'NodeProcess':
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def check(self) -> None:
        """Raise RtsegError with the end of its log if the process has ended."""
        if self.process.poll() is not None:
            tail = self.log_path.read_text(errors='replace').splitlines()[-5:]
            raise RtsegError(
                f'{self.name} ended with status {self.process.returncode}: ' + '\n'.join(tail)
            )


def node_arguments(namespace: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return ROS arguments that set a namespace and parameters; empty texts are left out.

    Values are written as YAML, as they are read: a folder named 2024 stays a text.
    """
    arguments = ['-r', f'__ns:={namespace}']
    for name, value in parameters.items():
        if value != '':
            arguments += ['-p', f'{name}:={json.dumps(value, ensure_ascii=False)}']
    return arguments


def isolate_graph() -> None:
    """Keep a graph off the network and away from other graphs on this machine."""
    # These interfaces came with the discovery range, in Iron. Where that is known, the old way
    # warns.
    if importlib.util.find_spec('type_description_interfaces') is None:
        os.environ.setdefault('ROS_LOCALHOST_ONLY', '1')
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('ROS_DOMAIN_ID', str(os.getpid() % 100 + 1))
