# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The matrix peaks of a device: what one large product reaches, the roof of every network."""

from collections.abc import Callable, Sequence
import time
from typing import Any

import numpy as np

from rtseg_ros.benchmark.contenders.contender import Contender, Entry
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.machine import processor_flags

PEAK = 'matrix_peak'
# By device; a processor without bfloat16 has no peak in it.
PEAK_PRECISIONS = {'cpu': ('fp32', 'bf16', 'int8'), 'cuda': ('fp16',)}
_CPU_SIDE, _CUDA_SIDE = 1536, 8192


def multiply_accumulates(device: str) -> int:
    """Return the multiply-accumulates of one run."""
    return (_CPU_SIDE if device == 'cpu' else _CUDA_SIDE) ** 3


def _cpu(_subject: Subject, precision: str) -> Contender:
    """Multiply with whichever library is fastest here; they differ by a factor of two."""
    ways = {'fp32': _float_ways, 'bf16': _bfloat_ways, 'int8': _byte_ways}[precision]()
    fastest = min(ways, key=lambda way: min(_time_ms(way) for _ in range(4)))

    def run(_frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        return np.empty(0), {'infer': _time_ms(fastest)}

    return run


def _float_ways() -> Sequence[Callable[[], object]]:
    rng = np.random.default_rng(0)
    left, right = (rng.normal(size=(_CPU_SIDE,) * 2).astype(np.float32) for _ in range(2))
    product = np.empty_like(left)
    session = _onnxruntime_product('MatMul', left, right)
    return (
        lambda: np.matmul(left, right, out=product),
        lambda: session.run(None, {'left': left}),
    )


def _bfloat_ways() -> Sequence[Callable[[], object]]:
    if not {'avx512_bf16', 'amx_bf16', 'bf16'} & processor_flags():
        raise BenchmarkError('this processor does not compute in bfloat16')
    import torch

    left, right = (torch.randn((_CPU_SIDE,) * 2).bfloat16() for _ in range(2))
    product = torch.empty_like(left)
    return (lambda: torch.mm(left, right, out=product),)


def _byte_ways() -> Sequence[Callable[[], object]]:
    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (_CPU_SIDE,) * 2, dtype=np.uint8)
    right = rng.integers(-127, 128, (_CPU_SIDE,) * 2, dtype=np.int8)
    session = _onnxruntime_product('MatMulInteger', left, right)
    return (lambda: session.run(None, {'left': left}),)


def _onnxruntime_product(operator: str, left: np.ndarray, right: np.ndarray) -> Any:
    from onnx import TensorProto, helper, numpy_helper
    import onnxruntime

    result = TensorProto.FLOAT if operator == 'MatMul' else TensorProto.INT32
    kind = helper.np_dtype_to_tensor_dtype(left.dtype)
    graph = helper.make_graph(
        [helper.make_node(operator, ['left', 'right'], ['product'])],
        'product',
        [helper.make_tensor_value_info('left', kind, left.shape)],
        [helper.make_tensor_value_info('product', result, left.shape)],
        [numpy_helper.from_array(right, 'right')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )


def _time_ms(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def _cuda(_subject: Subject, _precision: str) -> Contender:
    import torch

    if not torch.cuda.is_available():
        raise BenchmarkError('torch finds no CUDA device; run with --device cpu')
    shape = (_CUDA_SIDE, _CUDA_SIDE)
    left, right = (torch.randn(shape, device='cuda', dtype=torch.float16) for _ in range(2))
    product = torch.empty_like(left)

    def run(_frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        start = time.perf_counter_ns()
        torch.mm(left, right, out=product)
        torch.cuda.synchronize()
        return np.empty(0), {'infer': (time.perf_counter_ns() - start) / 1e6}

    return run


PEAKS = {
    'cpu': Entry(
        _cpu, 'onnxruntime', 'one product of 1536 x 1536, in NumPy, ONNX Runtime or torch'
    ),
    'cuda': Entry(_cuda, 'torch', 'one float16 product of torch, 8192 x 8192'),
}
