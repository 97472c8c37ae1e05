# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The proof on real hardware, in one call: same labels, how fast, no leak, what was built.

Nobody who wrote this package had a Jetson: the owner of one runs this and sees for himself.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
import os
import statistics
import time
from typing import Any

import cv2
import numpy as np

from rtseg_ros.doctor.tensorrt_checks import tensorrt_report
from rtseg_ros.errors import EngineError
from rtseg_ros.progress import Say
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.segmenter import Segmenter
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import open_gpu
from rtseg_ros.runtime.tensorrt.progress import Progress
from rtseg_ros.verdict import Verdict

# Share of pixels with the label of ONNX Runtime in float32 on the CPU; int8 is calibrated on
# frames that are not at hand here, so made-up ones agree less.
AGREEMENT = {'fp32': 0.999, 'fp16': 0.98, 'int8': 0.8}
# Memory that a driver may keep after the first load, but not once more for each.
LEAK_MIB = 16


def check_hardware(
    model: ModelFile,
    options: TensorRtOptions,
    reference: Engine,
    *,
    frames: int = 20,
    runs: int = 300,
    loads: int = 100,
    say: Say = lambda text: None,
) -> dict[str, Any]:
    """Build, run, compare, time, and load again and again.

    Args:
        model: What to run.
        options: How; ``finish``, ``cuda_graph`` and ``mapped_memory`` are varied.
        reference: Runs the same model with ONNX Runtime; the caller closes it.
        frames: Frames to compare.
        runs: Timed runs of each way.
        loads: How often to load and free the engine.
        say: Told what is being done.

    Returns:
        Plain values for JSON: ``findings``, ``checks`` and ``passed``.

    Raises:
        EngineError: If there is no GPU or no library, or the model cannot be built.
    """
    cuda, device = open_gpu(options)
    say('building the plans')
    start = time.perf_counter()
    engine = TensorRtEngine(model, options, progress=_in_tenths(say))
    checks = [
        Verdict('first load, with builds', None, f'{time.perf_counter() - start:.1f} s'),
        Verdict('precision as built', None, engine.precision),
        Verdict('labels made by', None, 'the engine' if engine.finishes else 'the host'),
    ]
    try:
        say(f'comparing {frames} frames with {reference.name}')
        checks.append(_same_labels(engine, reference, frames))
    finally:
        engine.close()
    ways = [
        replace(options, finish=finish, cuda_graph=graph, mapped_memory=mapped)
        for finish in ('engine', 'host')
        for graph in (True, False)
        for mapped in ((False, True) if device.integrated else (False,))
    ]
    for way in ways:
        say(f'timing: {_title(way)}')
        checks.append(_timed(model, way, runs))
    say(f'loading {loads} times')
    checks.append(_no_leak(model, options, loads, lambda: cuda.memory_mib()[0]))
    say('done')
    return {
        'model': model.path.name,
        'options': asdict(options),
        'findings': [asdict(finding) for finding in tensorrt_report(options, models=(model,))],
        'checks': [asdict(check) for check in checks],
        'passed': all(check.ok is not False for check in checks),
    }


def _in_tenths(say: Say) -> Progress:
    """Return a build's progress that says every tenth, each plan's from 0."""
    said: list[int] = []

    def progress(fraction: float, phase: str) -> None:
        tenths = int(10 * fraction)
        if said[-1:] != [tenths]:
            said.append(tenths)
            say(f'  {10 * tenths} %')

    return progress


def _made_frame(size_hw: tuple[int, int], seed: int) -> np.ndarray:
    """Draw smooth patches of colour, (H, W, 3) uint8 BGR."""
    seeds = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(seeds, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


def _same_labels(engine: TensorRtEngine, reference: Engine, frames: int) -> Verdict:
    ours, theirs = Segmenter(engine), Segmenter(reference)
    equal, size_hw = 0.0, engine.model.size_hw
    for seed in range(frames):
        frame = _made_frame(size_hw, seed)
        equal += float((ours(frame).labels == theirs(frame).labels).mean()) / frames
    limit = AGREEMENT.get(engine.model.metadata.precision, 0.98)
    text = f'{equal:.4%} of the pixels are equal to {reference.name}, wanted {limit:.1%}'
    return Verdict('same labels', equal >= limit, text)


def _title(options: TensorRtOptions) -> str:
    parts = [f'labels by {options.finish}', 'graph' if options.cuda_graph else 'no graph']
    return ', '.join(parts + ['mapped memory'] * options.mapped_memory)


def _timed(model: ModelFile, options: TensorRtOptions, runs: int) -> Verdict:
    """Time frames of the network's size, from frame to labels, after a warm-up."""
    name = f'a frame, {_title(options)}'
    try:
        engine = TensorRtEngine(model, options)
    except EngineError as error:
        return Verdict(name, False, str(error))
    try:
        segmenter, frame = Segmenter(engine), _made_frame(model.size_hw, 0)
        times = []
        for run in range(runs + 10):
            start = time.perf_counter_ns()
            segmenter(frame)
            if run >= 10:
                times.append((time.perf_counter_ns() - start) / 1e6)
        graph_as_asked = engine.uses_graph == options.cuda_graph
    except EngineError as error:
        return Verdict(name, False, str(error))
    finally:
        engine.close()
    times.sort()
    text = (
        f'median {statistics.median(times):.2f} ms, p95 {times[int(0.95 * len(times))]:.2f} ms, '
        f'{1000 / statistics.mean(times):.1f} frames/s'
    )
    if not graph_as_asked:
        text += '; the graph could not be captured, see the log'
    return Verdict(name, graph_as_asked, text)


def _no_leak(
    model: ModelFile, options: TensorRtOptions, loads: int, free_mib: Callable[[], int]
) -> Verdict:
    seen = []
    for _ in range(loads):
        engine = TensorRtEngine(model, options)
        engine.warm_up()
        engine.close()
        seen.append((free_mib(), _resident_mib()))
    settled = seen[min(len(seen) // 4, 5)]
    gpu, host = settled[0] - seen[-1][0], seen[-1][1] - settled[1]
    return Verdict(
        f'{loads} loads',
        max(gpu, host) <= LEAK_MIB,
        f'{gpu} MiB of the GPU and {host} MiB of the host not given back; {LEAK_MIB} are noise',
    )


def _resident_mib() -> int:
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') >> 20
