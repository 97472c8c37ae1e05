# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who turns logits into labels, the GPU or the host: measured on the machine at hand."""

from collections.abc import Callable
import logging
import statistics
import time
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.plans.plan_cache import PlanCache
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import PlanRefusedError, Target, cached_plan, plan_key
from rtseg_ros.runtime.tensorrt.progress import Progress
from rtseg_ros.runtime.tensorrt.session import Session
from rtseg_ros.runtime.upsample import labels_from_logits

_LOG = logging.getLogger('rtseg_ros.tensorrt')
_WARM_UP, _RUNS = 5, 31


def open_session(
    target: Target,
    model: ModelFile,
    options: TensorRtOptions,
    *,
    labels: bool,
    progress: Progress | None = None,
) -> Session:
    """Load the plan of a model, building it if need be, once more if the library refuses it."""
    eager = 'labels' if labels else 'logits'
    plan = cached_plan(target, model, options, labels=labels, progress=progress)
    try:
        return Session(target, plan.content, options, eager=eager)
    except PlanRefusedError as error:
        _LOG.warning('%s', error)
    plan = cached_plan(target, model, options, labels=labels, progress=progress, rebuild=True)
    return Session(target, plan.content, options, eager=eager)


def labels_in_engine(
    target: Target,
    model: ModelFile,
    options: TensorRtOptions,
    *,
    progress: Progress | None = None,
) -> bool:
    """Tell whether the engine makes the labels; measures it once per plan and remembers it.

    Raises:
        EngineError: If the model has no output for the choice in the options.
    """
    needed = {'engine': 'labels', 'host': 'logits'}.get(options.finish)
    if needed is not None and needed not in model.outputs:
        raise EngineError(
            f"finish is '{options.finish}', and {model.path.name} has no output '{needed}'"
        )
    if options.finish != 'measured':
        return options.finish == 'engine'
    if target.device is None or set(model.outputs) < {'labels', 'logits'}:
        return 'labels' in model.outputs
    cache, name = PlanCache(options.folder), model.path.stem
    key = note_key(target, model, options)
    faster = cache.note(name, key).get('faster')
    if faster is None:
        with cache.lock(name, key):
            # Another process may have measured meanwhile.
            faster = cache.note(name, key).get('faster')
            if faster is None:
                note = _measured(target, model, options, progress)
                cache.write_note(name, key, note)
                faster = note['faster']
    return bool(faster == 'engine')


def note_key(target: Target, model: ModelFile, options: TensorRtOptions) -> dict[str, Any]:
    """Return what the measurement depends on: the plan, and how it is run."""
    return {
        **plan_key(target, model, options, labels=True),
        'graph': options.cuda_graph,
        'mapped': options.mapped_memory,
    }


def _measured(
    target: Target, model: ModelFile, options: TensorRtOptions, progress: Progress | None
) -> dict[str, Any]:
    """Time both ways; the host's alone, and why, if the engine cannot make labels."""
    host = _median_ms(target, model, options, labels=False, progress=progress)
    try:
        gpu = _median_ms(target, model, options, labels=True, progress=progress)
    except EngineError as error:
        _LOG.warning('labels are made on the host, the GPU cannot: %s', error)
        return {'faster': 'host', 'host_ms': round(host, 3), 'engine_error': str(error)}
    _LOG.info(
        'a frame of %s to labels: %.2f ms all on the GPU, %.2f ms finished on the host',
        model.path.name,
        gpu,
        host,
    )
    return {
        'faster': 'engine' if gpu <= host else 'host',
        'engine_ms': round(gpu, 3),
        'host_ms': round(host, 3),
        'runs': _RUNS,
    }


def _median_ms(
    target: Target,
    model: ModelFile,
    options: TensorRtOptions,
    *,
    labels: bool,
    progress: Progress | None,
) -> float:
    """Time a frame from image to full-size labels, one way."""
    session = open_session(target, model, options, labels=labels, progress=progress)
    try:
        run = _way(session, model, labels)
        for _ in range(_WARM_UP):
            run()
        times = []
        for _ in range(_RUNS):
            start = time.perf_counter_ns()
            run()
            times.append(time.perf_counter_ns() - start)
    finally:
        session.close()
    return statistics.median(times) / 1e6


def _way(session: Session, model: ModelFile, labels: bool) -> Callable[[], object]:
    image = _patches(model)
    if labels:
        return lambda: session.run(image).copy()
    align_corners = model.metadata.align_corners
    return lambda: labels_from_logits(
        session.run(image)[0], model.size_hw, align_corners=align_corners
    )


def _patches(model: ModelFile) -> np.ndarray:
    """Make an input of smooth patches: the host's way takes longer the more edges there are."""
    height, width = model.size_hw
    seeds = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    frame = cv2.resize(seeds, (width, height), interpolation=cv2.INTER_CUBIC)
    if model.input.dtype == 'uint8':
        return frame[None]
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(64) - 2
