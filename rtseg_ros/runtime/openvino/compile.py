# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The compiled model on this machine: from the cache if every field of its key fits, else made.

OpenVINO has a cache of its own, whose files it finds by a hash that names nothing and trusts
without a check. Ours says which field of the key changed, and holds a damaged file back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import io
import logging
from typing import Any

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.int8_cpu import with_unsigned_activations
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.openvino import winograd
from rtseg_ros.runtime.openvino.bf16_check import labels_kept
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.openvino.precision import compiled_precision
from rtseg_ros.runtime.plans.built_precision import BuiltPrecision
from rtseg_ros.runtime.plans.plan_cache import PlanCache

_LOG = logging.getLogger('rtseg_ros.openvino')
_HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16'}
_CAPABILITIES = {'bf16': 'BF16', 'fp16': 'FP16'}
_DRIVERS = {
    'GPU': 'A GPU of Intel needs its driver (intel-opencl-icd) and the right to /dev/dri/renderD*',
    'NPU': 'An NPU needs its driver (linux-npu-driver of Intel) and the right to /dev/accel',
}
# Share of certain labels of drawn images that bf16 must keep, for ``auto`` to take it.
SAME_LABELS = 0.99
LABELS_KEPT = 'certain_labels_kept'  # the note of it, beside the compiled model


@dataclass(frozen=True)
class Target:
    """A device of OpenVINO.

    Attributes:
        library: The imported module.
        core: Its ``Core``.
        device: Name as asked for.
        full_name: What the device calls itself.
        capabilities: E.g. ``FP32``, ``BF16``, ``INT8``; empty if it does not say.
    """

    library: Any
    core: Any
    device: str
    full_name: str
    capabilities: tuple[str, ...]


def open_target(options: OpenVinoOptions) -> Target:
    """Find the device that is asked for.

    Raises:
        EngineError: If OpenVINO is not installed or has no such device.
    """
    try:
        import openvino
    except ImportError as error:
        raise EngineError(
            f'OpenVINO cannot be imported ({error}); pip install openvino (or the extra '
            '[openvino] of this package), or use the engine onnxruntime'
        ) from error
    core = openvino.Core()
    devices = list(core.available_devices)
    kind = options.device.partition('.')[0]
    if options.device != 'AUTO' and not any(
        name == options.device or name.partition('.')[0] == options.device for name in devices
    ):
        raise EngineError(
            f'OpenVINO {openvino.__version__} has no device {options.device}; it has '
            f'{", ".join(devices) or "none"}'
            + (f'. {_DRIVERS[kind]}' if kind in _DRIVERS else '')
            + '. Set device CPU, which is always there, or use the engine onnxruntime'
        )
    full_name, capabilities = options.device, ()
    if options.device != 'AUTO':
        full_name = str(core.get_property(options.device, 'FULL_DEVICE_NAME')).strip()
        capabilities = tuple(core.get_property(options.device, 'OPTIMIZATION_CAPABILITIES'))
    return Target(openvino, core, options.device, full_name, capabilities)


@dataclass(frozen=True)
class Compiled:
    """A model that is ready to run.

    Attributes:
        model: ``openvino.CompiledModel``.
        asked: Precision it was compiled for: ``fp32``, ``bf16`` or ``fp16``.
        reason: Why, where ``auto`` chose.
    """

    model: Any
    asked: str
    reason: str


def compiled_model(target: Target, model: ModelFile, options: OpenVinoOptions) -> Compiled:
    """Take the compiled model from the cache or compile it.

    Raises:
        EngineError: If the device cannot compute in that precision, or cannot take the model.
    """
    if options.precision != 'auto':
        needed = _CAPABILITIES.get(options.precision)
        if needed and target.capabilities and needed not in target.capabilities:
            raise EngineError(
                f'{target.full_name} does not compute in {options.precision}; OpenVINO says it '
                f'has {", ".join(target.capabilities)}. Take precision fp32 or auto'
            )
        return Compiled(_cached(target, model, options, options.precision), options.precision, '')
    if 'BF16' not in target.capabilities or target.device != 'CPU':
        reason = f'{target.full_name} does not name bf16 among what it computes in'
        if target.device != 'CPU':
            reason = 'auto takes bf16 on a CPU only'
        return Compiled(_cached(target, model, options, 'fp32'), 'fp32', reason)
    half = _cached(target, model, options, 'bf16')
    share = _measured_once(target, model, options, half)
    if share >= SAME_LABELS:
        return Compiled(half, 'bf16', f'keeps {share:.2%} of what fp32 is certain of')
    reason = f'bf16 keeps only {share:.2%} of what fp32 is certain of'
    return Compiled(_cached(target, model, options, 'fp32'), 'fp32', reason)


def content_for(model: ModelFile) -> bytes:
    """Return what is compiled: logits where there are any, int8 as CPU kernels like it."""
    content = model.logits_only() if 'logits' in model.outputs else model.content
    return with_unsigned_activations(content) if model.metadata.precision == 'int8' else content


def model_key(
    target: Target, model: ModelFile, options: OpenVinoOptions, precision: str
) -> dict[str, Any]:
    """Return all that a compiled model depends on, in plain words."""
    return {
        'model': hashlib.sha256(model.content).hexdigest(),
        'openvino': str(target.library.__version__),
        'device': target.device,
        'device_name': target.full_name,
        'capabilities': ' '.join(sorted(target.capabilities)),
        'precision': precision,
        'rewriting': winograd.VERSION,
        'threads': options.threads,
        'streams': options.streams,
    }


def _cached(target: Target, model: ModelFile, options: OpenVinoOptions, precision: str) -> Any:
    settings = {
        'PERFORMANCE_HINT': 'LATENCY' if options.streams == 1 else 'THROUGHPUT',
        'NUM_STREAMS': options.streams,
        'INFERENCE_PRECISION_HINT': _HINTS[precision],
    }
    if options.threads:
        settings['INFERENCE_NUM_THREADS'] = options.threads
    # A GPU or NPU keeps what it made itself; only a CPU's is imported here.
    if target.device != 'CPU':
        return _compile(target, model, _for_device(target, settings))
    cache = _cache(options)
    key = model_key(target, model, options, precision)
    name = model.path.stem
    with cache.lock(name, key):
        kept = cache.find(name, key)
        if kept is not None:
            try:
                return target.core.import_model(io.BytesIO(kept.content), target.device, settings)
            except (RuntimeError, MemoryError) as error:
                _LOG.warning(
                    'the compiled %s in %s is made anew, OpenVINO refuses it: %s',
                    name, cache.folder, first_line(error),
                )  # fmt: skip
        else:
            _LOG.info('compiling %s: %s', name, cache.why_missing(name, key))
        compiled = _compile(target, model, settings)
        try:
            blob = compiled.export_model()
        except RuntimeError as error:
            _LOG.warning('the compiled %s cannot be kept: %s', name, first_line(error))
            return compiled
        facts = {'precision_as_built': str(BuiltPrecision(compiled_precision(compiled)))}
        cache.store(name, key, bytes(getattr(blob, 'getvalue', lambda: blob)()), facts)
    return compiled


def compiled_facts(target: Target, model: ModelFile, options: OpenVinoOptions) -> str:
    """Say whether the model lies compiled in the cache, and in what its layers run.

    Raises:
        EngineError: If the cache folder cannot be used.
    """
    if target.device != 'CPU':
        return f'{target.device} keeps what it compiles itself'
    cache, name, reasons = _cache(options), model.path.stem, []
    chosen = ('bf16', 'fp32') if options.precision == 'auto' else (options.precision,)
    for precision in chosen:
        key = model_key(target, model, options, precision)
        kept = cache.find(name, key)
        if kept is None:
            reasons.append(cache.why_missing(name, key))
            continue
        share = cache.note(name, key).get(LABELS_KEPT, 1.0)
        if share >= SAME_LABELS:
            return f'runs in {kept.manifest.facts.get("precision_as_built", "unknown")}'
    reason = min(reasons, key=len, default='bf16 changes what it is certain of')
    return f'the first start will compile it: {reason}'


def _cache(options: OpenVinoOptions) -> PlanCache:
    folder = options.folder
    return PlanCache(None if folder is None else folder)


def _for_device(target: Target, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what only a CPU knows."""
    kept = dict(settings)
    kept.pop('INFERENCE_NUM_THREADS', None)
    if target.device == 'AUTO':
        kept.pop('NUM_STREAMS')
    return kept


def _compile(target: Target, model: ModelFile, settings: Mapping[str, Any]) -> Any:
    try:
        graph = target.core.read_model(content_for(model))
    except RuntimeError as error:
        raise EngineError(
            f"OpenVINO {target.library.__version__} cannot read '{model.path}': "
            f'{first_line(error)}. Use the engine onnxruntime, or convert the model again'
        ) from error
    if target.device == 'CPU':
        winograd.halve_products(graph)
    try:
        return target.core.compile_model(graph, target.device, dict(settings))
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise EngineError(
                f"there is not enough memory to compile '{model.path}' for {target.device}: "
                f'{first_line(error)}. End other programs, take fewer streams, or a smaller model'
            ) from error
        raise EngineError(
            f"OpenVINO {target.library.__version__} cannot compile '{model.path}' for "
            f'{target.device}: {first_line(error)}. Use the engine onnxruntime, or another device'
        ) from error


def _measured_once(target: Target, model: ModelFile, options: OpenVinoOptions, half: Any) -> float:
    """Return the share of certain labels that bf16 keeps; measured once for each key."""
    cache, key = _cache(options), model_key(target, model, options, 'bf16')
    name = model.path.stem
    note = cache.note(name, key)
    if isinstance(note.get(LABELS_KEPT), float):
        return float(note[LABELS_KEPT])
    share = labels_kept(model, _cached(target, model, options, 'fp32'), half)
    with cache.lock(name, key):
        cache.write_note(name, key, {LABELS_KEPT: share})
    return share


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether OpenVINO, which has no type for it, ran out of memory."""
    return isinstance(error, MemoryError) or 'alloc' in str(error)


def first_line(error: BaseException) -> str:
    """Return the line of OpenVINO's message that says what happened, without source places."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(('Exception from', 'Check '))]
    return (telling or lines or [type(error).__name__])[0]
