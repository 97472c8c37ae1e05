# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ways from a frame to its labels that are raced on an NVIDIA GPU.

The protocol of the SwiftNet paper (section 4.1): one image per run, from the host's memory to the
device, forward pass, argmax, and the labels back. Device work is timed with CUDA events.
"""

from collections.abc import Callable
from functools import partial
import time
from typing import Any

import numpy as np

from rtseg_ros.benchmark.contenders.contender import OURS, Contender, Entry
from rtseg_ros.benchmark.subject import Subject, load_network
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.runtime import load_segmenter


def _torch_cuda(subject: Subject, _: str, *, half: bool, graph: bool) -> Contender:
    import torch

    if not torch.cuda.is_available():
        raise BenchmarkError('torch finds no CUDA device; run with --device cpu')
    device = torch.device('cuda')
    kind = torch.float16 if half else torch.float32
    layout = torch.channels_last if half else torch.contiguous_format
    network = load_network(subject.network, subject.checkpoint, subject.num_outputs)
    network.to(device, kind)
    network.to(memory_format=layout)  # type: ignore[call-overload]
    preprocessing = subject.preprocessing
    shape = (1, 3, 1, 1)
    mean = torch.tensor(preprocessing.mean, device=device).view(shape)
    factor = preprocessing.scale / torch.tensor(preprocessing.std, device=device).view(shape)
    order = [2, 1, 0] if preprocessing.channel_order == 'rgb' else [0, 1, 2]
    held = torch.zeros((1, *subject.size_hw, 3), dtype=torch.uint8, device=device)

    def forward() -> torch.Tensor:
        image = held.permute(0, 3, 1, 2)[:, order].float()
        image = ((image - mean) * factor).to(kind, memory_format=layout)
        return network(image).argmax(1)[0].to(torch.uint8)

    replay = _captured(forward) if graph else forward
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def run(frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        begin = time.perf_counter_ns()
        with torch.inference_mode():
            held.copy_(torch.from_numpy(frame)[None])
            torch.cuda.synchronize()
            sent = time.perf_counter_ns()
            start.record()
            labels = replay()
            end.record()
            torch.cuda.synchronize()
            done = time.perf_counter_ns()
            result = labels.cpu().numpy()
        return result, {
            'transfer': (sent - begin + time.perf_counter_ns() - done) / 1e6,
            'infer': start.elapsed_time(end),
        }

    return run


def _captured(forward: Callable[[], Any]) -> Callable[[], Any]:
    """Record one forward pass as a CUDA graph and return what replays it."""
    import torch

    with torch.inference_mode():
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):  # autotuning and allocation must happen before the capture
                forward()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            labels = forward()

    def replay() -> Any:
        graph.replay()
        return labels

    return replay


def _tensorrt(subject: Subject, precision: str) -> Contender:
    segmenter = load_segmenter(subject.models[precision], engine='tensorrt')

    def run(frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        result = segmenter(frame)
        return result.labels, dict(result.timing_ms)

    return run


CUDA: dict[str, Entry] = {
    'torch_cuda': Entry(
        partial(_torch_cuda, half=False, graph=False),
        'torch',
        'torch eager on the GPU, normalisation and argmax there too',
    ),
    'torch_cuda_fp16': Entry(
        partial(_torch_cuda, half=True, graph=False),
        'torch',
        'the same in float16, channels last',
    ),
    'torch_cuda_graph': Entry(
        partial(_torch_cuda, half=True, graph=True), 'torch', 'the same as a CUDA graph'
    ),
    OURS: Entry(_tensorrt, 'tensorrt', 'the Segmenter of this package in TensorRT'),
}
