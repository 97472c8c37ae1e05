# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What OpenVINO really computes in: the precision of every layer, read back once compiled."""

from collections import Counter
from typing import Any

# Layers with weights. The others follow them, or move and convert data.
_WEIGHTED = ('Convolution', 'Deconvolution', 'FullyConnected')
_NAMES = {'f32': 'fp32', 'f16': 'fp16', 'bf16': 'bf16', 'i8': 'int8', 'u8': 'int8'}


def compiled_precision(compiled: Any) -> dict[str, int]:
    """Count the layers with weights by the precision that they run in.

    Args:
        compiled: An ``openvino.CompiledModel``.

    Returns:
        E.g. ``{'int8': 58, 'fp32': 5}``, the most frequent first; empty if the device does not
        say (a GPU's or NPU's plugin may not).
    """
    counts: Counter[str] = Counter()
    try:
        operators = compiled.get_runtime_model().get_ops()
    except RuntimeError:
        return {}
    for operator in operators:
        facts = operator.get_rt_info()
        if 'layerType' not in facts or 'runtimePrecision' not in facts:
            continue
        if facts['layerType'].astype(str) in _WEIGHTED:
            word = facts['runtimePrecision'].astype(str)
            counts[_NAMES.get(word, word)] += 1
    return dict(counts.most_common())
