# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ways from a frame to its labels that are raced on the CPU."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
import time
from typing import Any

import cv2
import numpy as np

from rtseg_ros.benchmark.contenders.contender import (
    OURS,
    OURS_OPENVINO,
    Contender,
    Entry,
)
from rtseg_ros.benchmark.subject import Subject, load_network
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.preprocess import Preprocessing


def normalised(frame: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Return (1, 3, H, W) float32 with the NumPy lines that most projects have."""
    height, width = preprocessing.size_hw
    if frame.shape[:2] != (height, width):
        frame = cv2.resize(frame, (width, height))
    order = preprocessing.channel_order
    pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if order == 'rgb' else frame
    mean = np.array(preprocessing.mean, np.float32)
    std = np.array(preprocessing.std, np.float32) / np.float32(preprocessing.scale)
    image = (pixels.astype(np.float32) - mean) / std
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None])


def staged(*steps: tuple[str, Callable[[Any], Any]]) -> Contender:
    """Chain named steps, each fed with the result of the one before, and time them."""

    def run(frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        value: Any = frame
        timing_ms = {}
        for name, step in steps:
            start = time.perf_counter_ns()
            value = step(value)
            timing_ms[name] = (time.perf_counter_ns() - start) / 1e6
        return value, timing_ms

    return run


def _numpy_argmax(scores: np.ndarray, *, frame_hw: tuple[int, int]) -> np.ndarray:
    """Return labels at the size of the frames, for which scores of another one are enlarged."""
    if scores.shape[2:] == frame_hw:
        return scores[0].argmax(axis=0).astype(np.uint8)
    planes = [cv2.resize(plane, frame_hw[::-1]) for plane in scores[0]]
    return np.stack(planes).argmax(axis=0).astype(np.uint8)


def _torch(subject: Subject, _: str, *, compiled: bool, channels_last: bool) -> Contender:
    import torch

    network: Any = load_network(subject.network, subject.checkpoint, subject.num_outputs)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network.to(memory_format=layout)
    if compiled:
        network = torch.compile(network)

    def to_input(frame: np.ndarray) -> torch.Tensor:
        image = torch.from_numpy(normalised(frame, subject.preprocessing))
        return image.contiguous(memory_format=layout)

    def infer(image: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return network(image)

    def to_labels(scores: torch.Tensor) -> np.ndarray:
        if scores.shape[2:] != subject.frame_hw:
            scores = torch.nn.functional.interpolate(scores, subject.frame_hw, mode='bilinear')
        return scores.argmax(1)[0].to(torch.uint8).numpy()

    return staged(('preprocess', to_input), ('infer', infer), ('labels', to_labels))


def _onnxruntime(subject: Subject, _: str) -> Contender:
    import onnxruntime

    session = onnxruntime.InferenceSession(subject.plain_onnx, providers=['CPUExecutionProvider'])
    return staged(
        ('preprocess', partial(normalised, preprocessing=subject.preprocessing)),
        ('infer', lambda image: session.run(None, {'image': image})[0]),
        ('labels', partial(_numpy_argmax, frame_hw=subject.frame_hw)),
    )


def _openvino(subject: Subject, _: str, *, options: dict[str, str]) -> Contender:
    import openvino

    compiled = openvino.Core().compile_model(
        subject.plain_onnx, 'CPU', {'PERFORMANCE_HINT': 'LATENCY', **options}
    )
    request = compiled.create_infer_request()
    return staged(
        ('preprocess', partial(normalised, preprocessing=subject.preprocessing)),
        ('infer', lambda image: request.infer({0: image}, share_inputs=True)[0]),
        ('labels', partial(_numpy_argmax, frame_hw=subject.frame_hw)),
    )


def compiled_folder(subject: Subject) -> Path:
    """Return where what OpenVINO compiled of a subject lies."""
    return subject.plain_onnx.parent / 'compiled'


class _Ours:
    """The Segmenter of this package."""

    def __init__(self, subject: Subject, precision: str, *, engine: str) -> None:
        options = OpenVinoOptions(cache_folder=str(compiled_folder(subject)))
        model = subject.models[precision]
        self._segmenter = load_segmenter(model, engine=engine, openvino=options)

    def __call__(self, frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        result = self._segmenter(frame)
        timing_ms = dict(result.timing_ms)
        timing_ms['labels'] = timing_ms.pop('upsample')
        return result.labels, timing_ms

    def facts(self) -> dict[str, str]:
        """Say what the model runs in."""
        return {'precision': self._segmenter.engine.precision}


CPU: dict[str, Entry] = {
    'torch': Entry(
        partial(_torch, compiled=False, channels_last=False),
        'torch',
        'torch eager, argmax of the scores at frame size',
    ),
    'torch_channels_last': Entry(
        partial(_torch, compiled=False, channels_last=True),
        'torch',
        'the same in the memory format that is faster on many CPUs',
    ),
    'torch_compile': Entry(
        partial(_torch, compiled=True, channels_last=False),
        'torch',
        'the same as torch, through torch.compile',
    ),
    'onnxruntime': Entry(
        _onnxruntime,
        'onnxruntime',
        'torch.onnx.export of the network, ONNX Runtime as it comes, NumPy argmax at frame size',
    ),
    'plain_openvino': Entry(
        partial(_openvino, options={}),
        'openvino',
        'the same file in OpenVINO, latency mode; bfloat16 where the CPU has it',
    ),
    'plain_openvino_fp32': Entry(
        partial(_openvino, options={'INFERENCE_PRECISION_HINT': 'f32'}),
        'openvino',
        'the same, held to float32',
    ),
    OURS: Entry(
        partial(_Ours, engine='onnxruntime'),
        'onnxruntime',
        'the Segmenter of this package in ONNX Runtime',
    ),
    OURS_OPENVINO: Entry(
        partial(_Ours, engine='openvino'),
        'openvino',
        'the same in OpenVINO; what the file leaves in float32 in bfloat16 where the CPU has it',
    ),
}
