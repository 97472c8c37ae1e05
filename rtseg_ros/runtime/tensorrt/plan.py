# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The plan of a model on this machine: from the cache if every field of its key fits, else built.

The key holds everything a plan depends on; plan_cache.py compares it. A plan is kept only after
TensorRT has loaded it back and said in what precision its layers were built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
import logging
from typing import TYPE_CHECKING, Any

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.plans.built_precision import BuiltPrecision
from rtseg_ros.runtime.plans.plan_cache import Plan, PlanCache
from rtseg_ros.runtime.tensorrt.build import (
    Built,
    build_engine,
    is_strongly_typed,
    merged_timings,
)
from rtseg_ros.runtime.tensorrt.cudart import Cuda, Device, open_cuda
from rtseg_ros.runtime.tensorrt.inspect import built_precision
from rtseg_ros.runtime.tensorrt.library import TensorRt, load_tensorrt
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.progress import Progress

if TYPE_CHECKING:
    import tensorrt as trt

# Raise when the same options start to build something else.
BUILDER_REVISION = 2
_LOG = logging.getLogger('rtseg_ros.tensorrt')


class PlanRefusedError(EngineError):
    """TensorRT does not load a plan that the cache holds for intact."""


@dataclass(frozen=True)
class Target:
    """What plans are built for and run on.

    Attributes:
        tensorrt: The library.
        cuda: The CUDA runtime; None where only building for other GPUs.
        device: The GPU; None likewise.
    """

    tensorrt: TensorRt
    cuda: Cuda | None
    device: Device | None


def open_target(options: TensorRtOptions) -> Target:
    """Open the library and the GPU, the GPU first.

    Without a GPU TensorRT crashes in places, so nobody asks it before CUDA has said yes.

    Raises:
        EngineError: If there is no GPU, or no library, or it does not fit the options.
    """
    if options.targets:
        return Target(load_tensorrt(options.flavour), None, None)
    cuda, device = open_gpu(options)
    return Target(load_tensorrt(options.flavour), cuda, device)


def open_gpu(options: TensorRtOptions) -> tuple[Cuda, Device]:
    """Make the GPU of the options the calling thread's current one.

    Raises:
        EngineError: If there is none, or it does not fit the options.
    """
    cuda = open_cuda()
    count = cuda.device_count()
    if options.device >= count:
        raise EngineError(f'device is {options.device}; there are {count}, counted from 0')
    cuda.select(options.device)
    device = cuda.device(options.device)
    if options.mapped_memory and not (device.integrated and device.can_map_host_memory):
        raise EngineError(
            f'mapped_memory is set, and {device.name} has memory of its own: it is for GPUs that '
            'share the memory of the processor, such as a Jetson'
        )
    return cuda, device


def cached_plan(
    target: Target,
    model: ModelFile,
    options: TensorRtOptions,
    *,
    labels: bool,
    progress: Progress | None = None,
    rebuild: bool = False,
) -> Plan:
    """Return the plan from the cache, or build it and keep it.

    Args:
        target: From ``open_target`` with the same options.
        model: What to build.
        options: How.
        labels: Turn logits into labels in the engine.
        progress: See ``build_engine``.
        rebuild: Build even if the cache has it, e.g. because the library refused it.

    Raises:
        EngineError: If it cannot be built, loaded back or kept.
    """
    cache = PlanCache(options.folder)
    name, key = model.path.stem, plan_key(target, model, options, labels=labels)
    if not rebuild and (plan := cache.find(name, key)):
        return plan
    with cache.lock(name, key):
        if not rebuild and (plan := cache.find(name, key)):
            return plan  # built by another process meanwhile
        estimate = cache.estimate_s(name)
        _LOG.warning(
            'building a %s plan of %s: %s (%s)',
            target.tensorrt.title,
            model.path.name,
            'the library refused the one there is' if rebuild else cache.why_missing(name, key),
            'seconds to many minutes' if estimate is None else f'last time {estimate:.0f} s',
        )
        timing_name = _timing_name(target)
        timings = cache.timing_cache(timing_name)
        built = build_engine(
            target.tensorrt, model, options, labels=labels, timings=timings, progress=progress
        )
        precision = _loaded_back(target, built.content, options)
        if built.timings:
            cache.update_timing_cache(
                timing_name, lambda now: merged_timings(target.tensorrt, built.timings, now)
            )
        plan = cache.store(name, key, built.content, _facts(built, model, precision))
        _LOG.info('built %s in %.0f s: %s', model.path.name, built.seconds, precision)
        return plan


def plan_key(
    target: Target, model: ModelFile, options: TensorRtOptions, *, labels: bool
) -> dict[str, Any]:
    """Return all that a plan depends on, as plain JSON values, by readable names."""
    cuda, device = target.cuda, target.device
    return {
        'graph_sha256': model.graph_sha256,
        'library': target.tensorrt.flavour,
        'library_version': target.tensorrt.version,
        'device': device.name if device else ','.join(options.targets),
        'compute_capability': device.compute_capability if device else '',
        'dla_core': options.dla_core,
        'driver_cuda': cuda.driver_version() if cuda else '',
        'runtime_cuda': cuda.runtime_version() if cuda else '',
        'precision': options.precision or model.metadata.precision,
        'strongly_typed': is_strongly_typed(target.tensorrt, options),
        'tf32': options.tf32,
        'input': [model.input.dtype, *model.input.shape],
        'outputs': ['labels', *(['logits'] if 'logits' in model.outputs else [])]
        if labels
        else ['logits'],
        'workspace_mib': options.workspace_mib,
        'dla_only': options.dla_only,
        'builder_revision': BUILDER_REVISION,
    }


def load_engine(
    tensorrt: TensorRt, content: bytes, options: TensorRtOptions
) -> tuple[trt.Runtime, trt.ICudaEngine]:
    """Deserialize a plan on the current GPU; returns the runtime and the engine.

    Raises:
        PlanRefusedError: If the library does not take the plan.
        EngineError: If it fails otherwise.
    """
    tensorrt.logger.errors.clear()
    try:
        runtime = tensorrt.api.Runtime(tensorrt.logger)
    except TypeError as error:  # how pybind11 reports a null pointer
        raise EngineError(
            f'{tensorrt.title} cannot create a runtime: {tensorrt.said()} ({error})'
        ) from error
    if options.on_dla:
        runtime.DLA_core = options.dla_core
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise PlanRefusedError(f'{tensorrt.title} refuses the plan: {tensorrt.said()}')
    return runtime, engine


def inspected_precision(tensorrt: TensorRt, engine: trt.ICudaEngine) -> BuiltPrecision:
    """Ask a loaded engine in what precision its layers are."""
    inspector = engine.create_engine_inspector()
    if inspector is None:
        return BuiltPrecision({})
    return built_precision(
        inspector.get_engine_information(tensorrt.api.LayerInformationFormat.JSON)
    )


def _loaded_back(target: Target, content: bytes, options: TensorRtOptions) -> BuiltPrecision:
    if target.device is None:
        return BuiltPrecision({})  # built for a GPU that is not here
    _, engine = load_engine(target.tensorrt, content, options)
    return inspected_precision(target.tensorrt, engine)


def _facts(built: Built, model: ModelFile, precision: BuiltPrecision) -> Mapping[str, Any]:
    return {
        'model': str(model.path),
        'model_sha256': model.sha256,
        'network': model.metadata.network,
        'precision_as_built': str(precision),
        **asdict(precision),
        'dla_can_take': list(built.dla_layers),
        'layers_parsed': built.num_layers,
        'build_seconds': round(built.seconds, 1),
        'built_at': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }


def _timing_name(target: Target) -> str:
    device = target.device
    where = f'{device.name}-{device.compute_capability}' if device else 'other'
    return f'{target.tensorrt.flavour}-{target.tensorrt.version}-{where}'
