# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ``rtseg doctor`` says about TensorRT on this machine: facts, and problems with advice."""

import os
from pathlib import Path
from typing import Any

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.plans.plan_cache import PlanCache
from rtseg_ros.runtime.tensorrt.build import is_strongly_typed, new_builder
from rtseg_ros.runtime.tensorrt.cudart import Cuda, Device
from rtseg_ros.runtime.tensorrt.finish import note_key
from rtseg_ros.runtime.tensorrt.library import TensorRt, load_tensorrt
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import Target, open_gpu, plan_key
from rtseg_ros.verdict import Verdict

JETSON_RELEASE = Path('/etc/nv_tegra_release')


def tensorrt_report(
    options: TensorRtOptions | None = None, *, models: tuple[ModelFile, ...] = ()
) -> list[Verdict]:
    """Look at the GPU, the library, the DLA and the plans; builds and changes nothing.

    Args:
        options: Those that the node would use; defaults if None.
        models: Tell for each whether its plan is there, and what it was built as.
    """
    options = options or TensorRtOptions()
    findings = []
    if JETSON_RELEASE.is_file():
        release = JETSON_RELEASE.read_text(errors='replace').split(', GCID')[0]
        findings.append(Verdict('Jetson', True, release.strip('# \n')))
    gpu: tuple[Cuda, Device] | None = None
    tensorrt: TensorRt | None = None
    try:
        gpu = open_gpu(options)
        findings.append(Verdict('GPU', True, _gpu_text(*gpu)))
    except EngineError as error:
        findings.append(Verdict('GPU', False, str(error)))
    try:
        tensorrt = load_tensorrt(options.flavour)
        findings.append(Verdict('TensorRT', True, _library_text(tensorrt, options)))
    except EngineError as error:
        findings.append(Verdict('TensorRT', False, str(error)))
    target = None
    if gpu is not None and tensorrt is not None:
        target = Target(tensorrt, *gpu)
        findings.append(_dla(tensorrt, options))
    return findings + _plans(target, options, models)


def _gpu_text(cuda: Cuda, device: Device) -> str:
    free, total = cuda.memory_mib()
    return (
        f'{device.name}, compute {device.compute_capability}, {free} of {total} MiB free, driver '
        f'for CUDA {cuda.driver_version()}, runtime {cuda.runtime_version()} ({cuda.library})'
    )


def _library_text(tensorrt: TensorRt, options: TensorRtOptions) -> str:
    if is_strongly_typed(tensorrt, options):
        return f'{tensorrt.title}; the model file decides the precision'
    return f"{tensorrt.title}; option precision 'fp16' builds an fp32 file in fp16"


def _dla(tensorrt: TensorRt, options: TensorRtOptions) -> Verdict:
    try:
        cores = new_builder(tensorrt).num_DLA_cores
    except EngineError as error:
        return Verdict('DLA', False, str(error))
    if options.dla_core >= cores:
        return Verdict('DLA', False, f'dla_core is {options.dla_core}, and there are {cores}')
    return Verdict('DLA', True, f'{cores} cores')


def _plans(
    target: Target | None, options: TensorRtOptions, models: tuple[ModelFile, ...]
) -> list[Verdict]:
    try:
        cache = PlanCache(options.folder)
    except EngineError as error:
        return [Verdict('plans', False, str(error))]
    manifests = cache.manifests()
    size_mib = sum(manifest.plan_bytes for manifest in manifests) >> 20
    text = f'{len(manifests)} plans, {size_mib} MiB in {cache.folder}; deleting them is safe'
    if not os.access(cache.folder, os.W_OK):
        return [Verdict('plans', False, f'{text}; but nothing can be written there')]
    findings = [Verdict('plans', True, text)]
    if target is not None:
        findings += [_plan(cache, target, options, model) for model in models]
    return findings


def _plan(cache: PlanCache, target: Target, options: TensorRtOptions, model: ModelFile) -> Verdict:
    name = model.path.stem
    reasons = []
    # With finish 'measured' either plan may be the one that is used.
    for labels in (True, False):
        key = plan_key(target, model, options, labels=labels)
        plan = cache.find(name, key)
        if plan is not None:
            built = plan.manifest.facts.get('precision_as_built', 'unknown')
            finish = _finish(cache.note(name, note_key(target, model, options)))
            return Verdict(f'plan of {name}', True, f'built as {built}{finish}')
        reasons.append(cache.why_missing(name, key))
    seconds = cache.estimate_s(name)
    last = '' if seconds is None else f' (last time {seconds:.0f} s)'
    reason = min(reasons, key=len)
    return Verdict(f'plan of {name}', True, f'the first start will build one{last}: {reason}')


def _finish(note: dict[str, Any]) -> str:
    """Say who makes the labels and why; nothing where nobody has measured."""
    if 'engine_error' in note:
        return f'; the host makes the labels, the GPU cannot: {note["engine_error"]}'
    if 'faster' not in note:
        return ''
    return (
        f'; the {note["faster"]} makes the labels (engine {note["engine_ms"]} ms a frame, host '
        f'{note["host_ms"]} ms)'
    )
