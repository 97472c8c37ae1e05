# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Records what the package computes on this processor, for `.ci/aarch64_compare.py`.

Needs no more than a robot has, and no ROS: it runs on aarch64 too, where `.ci/aarch64` starts it.
"""

import argparse
import importlib.util
import json
from pathlib import Path
import platform

import numpy as np
import onnxruntime

from rtseg_ros.frames.image_message import ENCODINGS, frame_from_image
from rtseg_ros.labels import BUILT_IN
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.geometry import Geometry, layout
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path
from rtseg_ros.runtime.upsample import labels_and_confidence_from_logits, labels_from_logits

ROOT = Path(__file__).parents[1]
GEOMETRIES = {
    'letterbox, turned': Geometry(resize='letterbox', rotation=90),
    'crop of a region': Geometry(resize='crop', roi=(31, 17, 400, 200), output_size='network'),
    'stretched, half size': Geometry(rotation=180, output_size=(120, 160)),
}


def exact_parts() -> dict[str, np.ndarray]:
    """Return all that must be the same on every processor, of random numbers."""
    random = np.random.default_rng(0)
    spec = importlib.util.spec_from_file_location(
        'cv_bridge_comparison', ROOT / 'docs' / 'cv_bridge_comparison.py'
    )
    comparison = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(comparison)
    parts = {
        f'message, {encoding}': frame_from_image(comparison.message(encoding, random))
        for encoding in ENCODINGS
    }
    frame = random.integers(0, 256, (272, 640, 3), np.uint8)
    for name, geometry in GEOMETRIES.items():
        lies = layout(geometry, source_hw=frame.shape[:2], network_hw=(96, 128))
        labels = random.integers(0, 11, lies.labels_hw, np.uint8)
        parts[f'geometry, {name}, frame'] = lies.network_frame(frame, (1, 2, 3))
        parts[f'geometry, {name}, mask'] = lies.mask_from_labels(labels, fill=255)
    logits = random.normal(size=(11, 24, 32)).astype(np.float32).cumsum(1).cumsum(2) / 8
    for corners in (False, True):
        parts[f'upsampling, {corners}'] = labels_from_logits(
            logits, (272, 640), align_corners=corners
        )
    parts['upsampling, confidence'] = labels_and_confidence_from_logits(logits, (272, 640))[1]
    for label_set in BUILT_IN.values() if isinstance(BUILT_IN, dict) else BUILT_IN:
        text = json.dumps(label_set.to_dict(), sort_keys=True)
        parts[f'label set, {label_set.name}'] = np.frombuffer(text.encode(), np.uint8)
    return parts


def of_model(name: str, engine: str, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Return metadata, labels, confidence and logits of a shipped model."""
    path = model_path(name)
    segmenter = load_segmenter(path, engine=engine, threads=1)
    text = read_model_file(path).metadata.to_json()
    results = [segmenter(frame, confidence=True) for frame in frames]
    return {
        f'metadata, {name}': np.frombuffer(text.encode(), np.uint8),
        f'labels, {name}': np.stack([result.labels for result in results]),
        f'confidence, {name}': np.stack([result.confidence for result in results]),
        f'logits, {name}': np.stack([segmenter.logits(frame) for frame in frames]),
    }


def as_written() -> None:
    """Let ONNX Runtime run graphs as they are written: int8 as float arithmetic, rounded."""
    session = onnxruntime.InferenceSession

    def unoptimised(model, options, **others):
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return session(model, options, **others)

    onnxruntime.InferenceSession = unoptimised


def main() -> None:
    """Write the recording."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('frames', help='.npy of (N, H, W, 3) uint8 BGR')
    parser.add_argument('output', help='.npz to write')
    parser.add_argument('--models', nargs='+', required=True)
    parser.add_argument('--engine', default='onnxruntime')
    parser.add_argument('--as-written', action='store_true', help=as_written.__doc__)
    arguments = parser.parse_args()
    if arguments.as_written:
        as_written()
    print(f'{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, '
          f'ONNX Runtime {onnxruntime.__version__}', flush=True)  # fmt: skip
    parts = exact_parts()
    frames = np.load(arguments.frames)
    for name in arguments.models:
        parts.update(of_model(name, arguments.engine, frames))
        print(f'{name}: {len(frames)} frames', flush=True)
    np.savez(arguments.output, **parts)


if __name__ == '__main__':
    main()
