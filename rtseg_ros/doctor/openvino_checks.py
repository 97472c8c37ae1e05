# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ``rtseg doctor`` says about OpenVINO on this machine, and which engine it recommends."""

import importlib.util
from pathlib import Path

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.openvino.compile import Target, compiled_facts, open_target
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.verdict import Verdict

CPU_FLAGS = Path('/proc/cpuinfo')
# What the kernel calls a CPU's instructions for products of bfloat16 numbers.
BF16_FLAGS = frozenset({'amx_bf16', 'avx512_bf16', 'bf16', 'svebf16'})


def openvino_report(
    options: OpenVinoOptions | None = None, *, models: tuple[ModelFile, ...] = ()
) -> list[Verdict]:
    """Look at the library, its devices and the compiled models; compiles and changes nothing.

    Args:
        options: Those that the node would use; defaults if None.
        models: Tell for each whether it is compiled already, and in what it runs.
    """
    options = options or OpenVinoOptions()
    try:
        target = open_target(options)
    except EngineError as error:
        return [Verdict('OpenVINO', False, str(error))]
    found = [Verdict('OpenVINO', True, str(target.library.__version__))]
    found += [_device(target, name) for name in target.core.available_devices]
    for model in models:
        try:
            text = compiled_facts(target, model, options)
        except EngineError as error:
            return [*found, Verdict('compiled models', False, str(error))]
        found.append(Verdict(f'compiled {model.path.stem}', True, text))
    return found


def recommended_engine(model_precision: str) -> Verdict:
    """Name the engine to take on this computer's processor, and why; a GPU of NVIDIA is not asked.

    Args:
        model_precision: Of the model file: ``fp32``, ``fp16`` or ``int8``.
    """
    measure = 'rtseg benchmark --which-engine MODEL measures it'
    bf16 = bool(BF16_FLAGS & cpu_flags())
    if model_precision == 'int8':
        engine, why = (
            'openvino',
            'an int8 model is faster there, by 5 % (AVX2) to 36 % (VNNI) where we measured',
        )
    elif bf16:
        engine, why = 'openvino', 'this processor multiplies in bfloat16, which only it uses'
    else:
        engine, why = 'onnxruntime', 'without bfloat16 in the processor the two are about equal'
    install = ''
    if engine == 'openvino' and importlib.util.find_spec('openvino') is None:
        install = " (pip install '.[openvino]', or pip install openvino)"
    return Verdict('recommended engine', True, f'{engine}{install}: {why}; {measure}')


def cpu_flags() -> frozenset[str]:
    """Return what the kernel says that the processor can do; empty if it does not say."""
    try:
        lines = CPU_FLAGS.read_text(encoding='utf-8').splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('flags', 'Features'):
            return frozenset(value.split())
    return frozenset()


def _device(target: Target, name: str) -> Verdict:
    full_name = str(target.core.get_property(name, 'FULL_DEVICE_NAME')).strip()
    can = ', '.join(target.core.get_property(name, 'OPTIMIZATION_CAPABILITIES'))
    advice = ''
    if name == 'CPU' and 'BF16' not in can.split(', '):
        advice = '; no BF16, so precision auto is fp32'
    return Verdict(f'OpenVINO {name}', True, f'{full_name}: {can}{advice}')
