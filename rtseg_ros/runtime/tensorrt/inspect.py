# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT really built: the precision of every layer, read back from the engine.

The engine inspector writes JSON whose words differ between versions: a tensor of halves is
``Row major linear FP16 format`` in 8.6, ``Half`` in 10, and has a separate ``Datatype`` in
TensorRT-RTX. A flag that was set says nothing: a layer can stay in fp32 for good reasons.
"""

from collections import Counter
from collections.abc import Mapping
import json
import re
from typing import Any

from rtseg_ros.runtime.plans.built_precision import UNKNOWN, BuiltPrecision

_WORDS = (
    ('int8', r'\bint8\b'),
    ('fp8', r'\bfp8|float8'),
    ('bf16', r'\bbf16\b|bfloat'),
    ('fp16', r'\bfp16\b|\bhalf\b|float16'),
    ('fp32', r'\bfp32\b|\bfloat\b|float32'),
)
# Layers with weights. The others follow them, or move and convert data.
_WEIGHTED = re.compile(r'conv|corr|gemm|matmul|matrix|fullyconnected', re.IGNORECASE)


def built_precision(inspection: str) -> BuiltPrecision:
    """Read the engine inspector's JSON.

    Args:
        inspection: ``get_engine_information(LayerInformationFormat.JSON)`` of an engine that
            was built with detailed profiling verbosity.

    Returns:
        Without layers if the text is not such JSON or carries names only.
    """
    try:
        layers = json.loads(inspection)['Layers']
    except (ValueError, KeyError, TypeError):
        return BuiltPrecision({})
    counts: Counter[str] = Counter()
    tf32, dla = 0, []
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        name, kind = str(layer.get('Name', '')), str(layer.get('LayerType', ''))
        on_dla = 'dla' in kind.lower()
        if on_dla:
            dla.append(name)
        # TensorRT-RTX names the kernels it makes after what they fuse: __myl_CorrMulAddRelu.
        fused = name if name.startswith('__myl_') else ''
        if not on_dla and not _WEIGHTED.search(f'{kind} {layer.get("ParameterType", "")} {fused}'):
            continue
        precision = _layer_precision(layer)
        if precision != UNKNOWN:
            counts[precision] += 1
            tf32 += precision == 'fp32' and 'tf32' in str(layer.get('TacticName', '')).lower()
    return BuiltPrecision(dict(counts), tf32, tuple(dla))


def _layer_precision(layer: Mapping[str, Any]) -> str:
    """Return the narrowest type among a layer's inputs; its weights speak first if it has any."""
    weights = layer.get('Weights')
    if isinstance(weights, dict) and (found := _precision_in(str(weights.get('Type', '')))):
        return found
    inputs = layer.get('Inputs')
    tensors = inputs if isinstance(inputs, list) else []
    found_types = {_precision_in(_type_text(tensor)) for tensor in tensors}
    for precision, _ in _WORDS:
        if precision in found_types:
            return precision
    return UNKNOWN


def _type_text(tensor: Any) -> str:
    if not isinstance(tensor, dict):
        return ''
    return str(tensor.get('Datatype') or tensor.get('Format/Datatype') or '')


def _precision_in(text: str) -> str:
    for precision, pattern in _WORDS:
        if re.search(pattern, text, re.IGNORECASE):
            return precision
    return ''
