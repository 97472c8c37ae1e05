"""The matrix peak of a device: what one large product reaches, the roof of every network."""

import time

import numpy as np

from rtseg_ros.benchmark.contender import Contender, Entry
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.errors import BenchmarkError

PEAK = 'matrix_peak'
_CPU_SIDE, _CUDA_SIDE = 1536, 8192


def multiply_accumulates(device: str) -> int:
    """Return the multiply-accumulates of one run."""
    return (_CPU_SIDE if device == 'cpu' else _CUDA_SIDE) ** 3


def _cpu(_subject: Subject, _precision: str) -> Contender:
    rng = np.random.default_rng(0)
    shape = (_CPU_SIDE, _CPU_SIDE)
    left, right = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    product = np.empty_like(left)

    def run(_frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        start = time.perf_counter_ns()
        np.matmul(left, right, out=product)
        return product, {'infer': (time.perf_counter_ns() - start) / 1e6}

    return run


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
    'cpu': Entry(_cpu, 'numpy', 'one float32 product of NumPy, 1536 x 1536'),
    'cuda': Entry(_cuda, 'torch', 'one float16 product of torch, 8192 x 8192'),
}
