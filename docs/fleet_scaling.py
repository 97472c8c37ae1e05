# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Measures a fleet of tiny bags: memory from 10 to 400 bags, time per bag, one worker against two.

docs/fleet_scaling.py FOLDER

Writes FOLDER/memory.svg. The bags are links to one bag of five small frames, so that what is
measured is what comes with a bag, not with its frames.
"""

import os
from pathlib import Path
import subprocess
import sys
import time

from matplotlib.figure import Figure
import numpy as np
import psutil

from rtseg_ros.frames.bags.writer import BagWriter

COUNTS = (10, 100, 400)
PAIRED = 30  # bags for one worker against two
FRAMES, SIZE_HW = 5, (90, 120)
MODEL = 'swiftnet_mnv2_camvid'
MIB = 1 << 20


def main(folder: Path) -> None:
    """Measure and print a table."""
    one = folder / 'one'
    if not one.exists():
        generator = np.random.default_rng(0)
        with BagWriter(one) as writer:
            for index in range(FRAMES):
                frame = generator.integers(0, 255, (*SIZE_HW, 3), np.uint8)
                writer.write(frame, 1_700_000_000_000_000_000 + index * 100_000_000)
    times = [measured(folder, PAIRED, workers=workers)[0] for workers in (1, 2, 1, 2)]
    print(f'{PAIRED} bags: 1 worker {times[0]:.1f} and {times[2]:.1f} s, '
          f'2 workers {times[1]:.1f} and {times[3]:.1f} s', flush=True)  # fmt: skip
    found = {}
    for count in COUNTS:
        seconds, driver, worker = measured(folder, count, workers=2)
        found[count] = (driver / MIB, worker / MIB)
        print(f'{count} bags, 2 workers: {seconds:.1f} s, driver {driver / MIB:.0f} MiB, '
              f'largest worker {worker / MIB:.0f} MiB', flush=True)  # fmt: skip
    figure = Figure(figsize=(6, 3.2), layout='constrained')
    axes = figure.add_subplot()
    for index, name in enumerate(('driver', 'largest worker')):
        axes.plot(list(found), [both[index] for both in found.values()], marker='o', label=name)
    axes.set(xlabel='bags', ylabel='largest resident memory, MiB', ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(folder / 'memory.svg')


def measured(folder: Path, count: int, *, workers: int) -> tuple[float, int, int]:
    """Return the time of one evaluation, and the most memory of its driver and of a worker."""
    bags = folder / f'bags{count}'
    for index in range(count):
        link = bags / f'b{index:03}'
        if not link.exists():
            link.mkdir(parents=True)
            for file in (folder / 'one').iterdir():
                os.link(file, link / file.name)
    output = folder / f'out{count}_{time.monotonic_ns()}'
    command = [sys.executable, '-m', 'rtseg_ros.cli', 'evaluate', MODEL, '--bags', str(bags),
               '--workers', str(workers), '--threads', '1', '-o', str(output)]  # fmt: skip
    start = time.monotonic()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    driver = worker = 0
    while process.poll() is None:
        try:
            driver = max(driver, process.memory_info().rss)
            for child in process.children():
                worker = max(worker, child.memory_info().rss)
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f'{command} ended with {process.returncode}')
    return time.monotonic() - start, driver, worker


if __name__ == '__main__':
    main(Path(sys.argv[1]))
