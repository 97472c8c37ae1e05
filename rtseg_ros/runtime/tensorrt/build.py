# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From an ONNX model to a serialized engine, by one path for TensorRT 8.6 to 11 and RTX.

What a version has is asked with ``hasattr``. TensorRT reports failure as None or False: every
such result is checked, and what the library logged becomes the error's text.
"""

from __future__ import annotations

from dataclasses import dataclass
import time
from typing import TYPE_CHECKING, Any

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.tensorrt.library import TensorRt
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.progress import (
    BuildProgress,
    Progress,
    interrupts_cancel,
    progress_monitor,
)

if TYPE_CHECKING:
    import tensorrt as trt


@dataclass(frozen=True)
class Built:
    """A fresh engine.

    Attributes:
        content: The serialized engine.
        seconds: Time to build it.
        timings: Kernel timings for later builds; empty where the library keeps none.
        dla_layers: Names of the layers that the DLA can take.
        num_layers: Layers of the network as parsed.
    """

    content: bytes
    seconds: float
    timings: bytes
    dla_layers: tuple[str, ...]
    num_layers: int


def build_engine(
    tensorrt: TensorRt,
    model: ModelFile,
    options: TensorRtOptions,
    *,
    labels: bool,
    timings: bytes = b'',
    progress: Progress | None = None,
) -> Built:
    """Build a serialized engine; takes seconds to many minutes.

    Args:
        tensorrt: The library.
        model: What to build.
        options: How.
        labels: Keep the part that turns logits into labels in the engine.
        timings: ``Built.timings`` of an earlier build on the same device.
        progress: Called with a fraction from 0 to 1 and what is being done. What it raises
            cancels the build and is raised here.

    Raises:
        EngineError: If the model, the options and the library do not go together, or the
            build fails.
    """
    api = tensorrt.api
    strong = is_strongly_typed(tensorrt, options)
    precision = _checked_precision(tensorrt, model, options, strong)
    start = time.perf_counter()
    tensorrt.logger.errors.clear()
    builder = new_builder(tensorrt)
    network = builder.create_network(_network_flags(api, strong))
    if network is None:
        raise EngineError(f'{tensorrt.title} cannot create a network: {tensorrt.said()}')
    # The weights of the network are the parser's: it has to live until the build is over.
    parser = _new_parser(tensorrt, network, options)
    _parse(tensorrt, parser, model, labels)
    if network.num_outputs == 0:
        raise EngineError(f"'{model.path}' has no output left for {tensorrt.title}")
    config = builder.create_builder_config()
    if config is None:
        raise EngineError(f'{tensorrt.title} cannot create a build config: {tensorrt.said()}')
    _configure(tensorrt, config, options, precision=precision, strong=strong)
    if model.input.shape[0] == -1:
        _fix_batch(tensorrt, builder, config, model)
    dla_layers = _use_dla(tensorrt, builder, network, config, options)
    keeps_timings = not options.targets and _use_timings(tensorrt, config, timings)
    watcher = BuildProgress(progress or (lambda fraction, phase: None))
    monitor = progress_monitor(api, watcher)
    if monitor is not None and hasattr(config, 'progress_monitor'):
        config.progress_monitor = monitor
    else:
        watcher.start('Building engine', None, 1)
    with interrupts_cancel(watcher):
        serialized = builder.build_serialized_network(network, config)
    if serialized is not None:
        watcher.complete()
    if watcher.error is not None:
        raise watcher.error
    if serialized is None:
        raise EngineError(
            f"{tensorrt.title} cannot build '{model.path}': {tensorrt.said()}. If it ran out of "
            'memory: close other programs on the GPU, or set workspace_mib or a smaller input size'
        )
    return Built(
        content=bytes(serialized),
        seconds=time.perf_counter() - start,
        timings=_serialized_timings(config) if keeps_timings else b'',
        dla_layers=dla_layers,
        num_layers=network.num_layers,
    )


def is_strongly_typed(tensorrt: TensorRt, options: TensorRtOptions) -> bool:
    """Tell whether the model file alone decides the precision of every layer.

    So from TensorRT 10 on; for a DLA only where the flags are gone. There an int8 file's Q/DQ
    reach the DLA as they are.
    """
    api = tensorrt.api
    if options.on_dla and hasattr(api.BuilderFlag, 'FP16'):
        return False
    return hasattr(api.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED')


def new_builder(tensorrt: TensorRt) -> trt.Builder:
    """Create a builder; the caller has made sure that there is a GPU or that none is needed."""
    try:
        builder = tensorrt.api.Builder(tensorrt.logger)
    except TypeError as error:  # how pybind11 reports a null pointer
        raise EngineError(
            f'{tensorrt.title} cannot create a builder: {tensorrt.said()} ({error})'
        ) from error
    return builder


def _checked_precision(
    tensorrt: TensorRt, model: ModelFile, options: TensorRtOptions, strong: bool
) -> str:
    in_file = model.metadata.precision
    wanted = options.precision or in_file
    if wanted != in_file and (strong or (in_file, wanted) != ('fp32', 'fp16')):
        raise EngineError(
            f"precision is '{wanted}' and {model.path.name} is {in_file}; {tensorrt.title} takes "
            f'the precision from the file: convert the checkpoint with --precision {wanted}'
        )
    if options.on_dla and wanted == 'fp32':
        raise EngineError(
            f'a DLA computes in fp16 and int8, and {model.path.name} is {in_file}: '
            + ('convert it with --precision fp16' if strong else "set precision 'fp16'")
        )
    return wanted


def _network_flags(api: Any, strong: bool) -> int:
    flags = 0
    if hasattr(api.NetworkDefinitionCreationFlag, 'EXPLICIT_BATCH'):
        flags |= 1 << int(api.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    if strong and hasattr(api.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED'):
        flags |= 1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    return flags


def _new_parser(
    tensorrt: TensorRt, network: trt.INetworkDefinition, options: TensorRtOptions
) -> trt.OnnxParser:
    """Create the parser; for a DLA it rewrites layers where the library can do so."""
    api = tensorrt.api
    parser = api.OnnxParser(network, tensorrt.logger)
    if options.on_dla and hasattr(api.OnnxParserFlag, 'ADJUST_FOR_DLA'):
        parser.set_flag(api.OnnxParserFlag.ADJUST_FOR_DLA)
    return parser


def _parse(tensorrt: TensorRt, parser: trt.OnnxParser, model: ModelFile, labels: bool) -> None:
    if not parser.parse(model.content if labels else model.logits_only()):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        reasons = ' | '.join(_parser_message(error) for error in errors) or tensorrt.said()
        raise EngineError(f"{tensorrt.title} does not take '{model.path}': {reasons}")


def _parser_message(error: trt.ParserError) -> str:
    where = f'node {error.node()}'
    if hasattr(error, 'node_name') and hasattr(error, 'node_operator'):
        where += f' {error.node_name()} ({error.node_operator()})'
    return f'{where}: {error.desc()}'


def _configure(
    tensorrt: TensorRt,
    config: trt.IBuilderConfig,
    options: TensorRtOptions,
    *,
    precision: str,
    strong: bool,
) -> None:
    api = tensorrt.api
    # Without it the inspector cannot tell the precision of a layer.
    config.profiling_verbosity = api.ProfilingVerbosity.DETAILED
    if not options.tf32:
        config.clear_flag(api.BuilderFlag.TF32)
    if options.workspace_mib:
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if not strong:
        if precision == 'fp16' and hasattr(api.BuilderFlag, 'FP16'):
            config.set_flag(api.BuilderFlag.FP16)
        if precision == 'int8' and hasattr(api.BuilderFlag, 'INT8'):
            config.set_flag(api.BuilderFlag.INT8)
    if options.targets:
        _use_targets(tensorrt, config, options.targets)


def _fix_batch(
    tensorrt: TensorRt, builder: trt.Builder, config: trt.IBuilderConfig, model: ModelFile
) -> None:
    """Build a model with an open batch for one image at a time, as all others are.

    A CUDA graph is of one shape, and how many cameras have a frame waiting changes all the time:
    frames that wait together run one after another, rather than padded to the largest batch.
    """
    shape = (1, *model.input.shape[1:])
    profile = builder.create_optimization_profile()
    profile.set_shape(model.input.name, shape, shape, shape)
    if config.add_optimization_profile(profile) < 0:
        raise EngineError(
            f"{tensorrt.title} does not take {shape} for the input of '{model.path}': "
            f'{tensorrt.said()}'
        )


def _use_targets(tensorrt: TensorRt, config: trt.IBuilderConfig, targets: list[str]) -> None:
    api = tensorrt.api
    if (
        not hasattr(api, 'ComputeCapability')
        or not hasattr(config, 'num_compute_capabilities')
        or not hasattr(config, 'set_compute_capability')
    ):
        raise EngineError(f'{tensorrt.title} cannot build for other GPUs ({", ".join(targets)})')
    known = sorted(name for name in api.ComputeCapability.__members__ if name.startswith('SM'))
    if not set(targets) <= set(known):
        raise EngineError(
            f'compute_targets is {",".join(targets)}; {tensorrt.title} builds for '
            f'{", ".join(known)}'
        )
    config.num_compute_capabilities = len(targets)
    for index, name in enumerate(targets):
        config.set_compute_capability(api.ComputeCapability.__members__[name], index)


def _use_dla(
    tensorrt: TensorRt,
    builder: trt.Builder,
    network: trt.INetworkDefinition,
    config: trt.IBuilderConfig,
    options: TensorRtOptions,
) -> tuple[str, ...]:
    """Give the network to a DLA core; returns the layers that it can take."""
    if not options.on_dla:
        return ()
    api = tensorrt.api
    if builder.num_DLA_cores <= options.dla_core:
        raise EngineError(
            f'dla_core is {options.dla_core}, and {tensorrt.title} finds '
            f'{builder.num_DLA_cores} DLA cores here. AGX Orin has two, Orin Nano and Thor none; '
            'TensorRT 10.8 to 11.4.0 have no DLA, 11.4.1 has that of AGX Orin'
        )
    config.default_device_type = api.DeviceType.DLA
    config.DLA_core = options.dla_core
    if not options.dla_only:
        config.set_flag(api.BuilderFlag.GPU_FALLBACK)
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    taken = {index for index, layer in enumerate(layers) if config.can_run_on_DLA(layer)}
    left = [layer.name for index, layer in enumerate(layers) if index not in taken]
    if options.dla_only and left:
        raise EngineError(
            f'dla_only is set, and the DLA cannot take {len(left)} of {len(layers)} layers: '
            f'{", ".join(left[:5])}{", ..." if len(left) > 5 else ""}'
        )
    return tuple(layers[index].name for index in sorted(taken))


def _use_timings(tensorrt: TensorRt, config: trt.IBuilderConfig, timings: bytes) -> bool:
    """Offer kernel timings of earlier builds; returns whether the library keeps any."""
    if tensorrt.flavour == 'tensorrt_rtx':  # it compiles for the GPU at load time instead
        return False
    for content in (timings, b''):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return True
    return False


def _serialized_timings(config: trt.IBuilderConfig) -> bytes:
    cache = config.get_timing_cache()
    serialized = None if cache is None else cache.serialize()
    return b'' if serialized is None else bytes(serialized)


def merged_timings(tensorrt: TensorRt, mine: bytes, theirs: bytes) -> bytes:
    """Add what another process timed meanwhile; returns ``mine`` if it does not fit."""
    if not theirs or theirs == mine:
        return mine
    config = new_builder(tensorrt).create_builder_config()
    cache, other = config.create_timing_cache(mine), config.create_timing_cache(theirs)
    if cache is None or other is None or not cache.combine(other, False):
        tensorrt.logger.errors.clear()
        return mine
    serialized = cache.serialize()
    return mine if serialized is None else bytes(serialized)
