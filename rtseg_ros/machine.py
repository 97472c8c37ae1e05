# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a figure was measured on, and the memory of a process."""

import os
from pathlib import Path
import platform


def machine() -> dict[str, str | int]:
    """Name this machine: processor, cores usable, memory in GiB, system, Python."""
    return {
        'processor': _processor(),
        'cores': usable_cores(),
        'memory_gib': round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30),
        'architecture': platform.machine(),
        'system': platform.platform(),
        'python': platform.python_version(),
    }


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def processor_flags() -> frozenset[str]:
    """Return what the kernel says the processor can do, e.g. ``avx512_bf16``; may be empty."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return frozenset()
    pairs = (line.partition(':') for line in lines)
    return frozenset(
        word for key, _, value in pairs if key.strip() in ('flags', 'Features')
        for word in value.split()
    )  # fmt: skip


def peak_memory_mib(pid: int | str = 'self') -> float:
    """Return the largest resident memory that a process had so far; NaN if the kernel keeps none.

    Not getrusage: its maximum survives exec, so it starts with that of the parent.

    Raises:
        OSError: If there is no such process.
    """
    for line in Path(f'/proc/{pid}/status').read_text(encoding='utf-8').splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 1024
    return float('nan')


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('model name', 'Model'):
            return value.strip()
    # A Jetson names itself in the device tree instead.
    model = Path('/proc/device-tree/model')
    return model.read_text().strip('\0\n') if model.exists() else platform.processor()
