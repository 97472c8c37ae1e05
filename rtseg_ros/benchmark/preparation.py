# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Make the files of a race: models for every contender from one set of weights, and frames.

They can be kept in a folder, because preparing takes longer than racing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
import hashlib
import importlib.util
import json
from pathlib import Path
import warnings

import numpy as np
import onnx
import torch

from rtseg_ros import __version__
from rtseg_ros.benchmark.contenders.contender import OURS, OURS_OPENVINO, accuracy_key
from rtseg_ros.benchmark.subject import Source, Subject, load_network
from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.export import OPSET, export_network
from rtseg_ros.conversion.finishing import file_content
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.conversion.passes.half import half_model
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.conversion.weights_of_model import network_of_model
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.frames.sample import made_items, read_items
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.networks import list_networks
from rtseg_ros.networks.network import (
    SegmentationNetwork,
    multiply_accumulates,
    parameter_count,
)
from rtseg_ros.output_files import write_text
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import ModelMetadata, read_model_file
from rtseg_ros.runtime.preprocess import (
    IMAGENET_MEAN_RGB,
    IMAGENET_STD_RGB,
    Preprocessing,
    preprocessing_from_dict,
    resized_frame,
)
from rtseg_ros.runtime.shipped import model_path, shipped_models

NUM_FRAMES = 8
MOST_VERIFIED = 500
WEIGHTS = 'weights.pth'  # of a network that was taken out of a model file
FEW_VERIFIED = 1  # only to see that the conversion went well


def prepare(
    network: str, size_hw: tuple[int, int], source: Source, folder: Path, *, plain: bool = True
) -> Subject:
    """Write all files of one race.

    Args:
        network: Name in the zoo; may be empty if the checkpoint says it.
        size_hw: Input height and width in pixels.
        source: Weights and frames.
        folder: Empty folder for the files.
        plain: Whether to export for the contenders that are not ours, too, and to measure the
            accuracy at the size that a checkpoint was trained for.

    Raises:
        BenchmarkError: If the request makes no sense.
        RtsegError: If a checkpoint, the frames or the network cannot be used.
    """
    if is_model(source.checkpoint):
        module, model, miou = _of_model(size_hw, source, folder)
    elif source.checkpoint:
        module, model, miou = _trained(network, size_hw, source, folder, accuracy=plain)
    else:
        module, model, miou = _random(network, size_hw, source, folder)
    metadata = read_model_file(model['fp32']).metadata
    plain_onnx = folder / 'plain.onnx'
    if plain:
        _export_plain(module, size_hw, plain_onnx)
    frames = folder / 'frames.npy'
    frame_hw = source.frame_hw or size_hw
    np.save(frames, _frames(source, frame_hw, metadata.labels))
    return Subject(
        network=metadata.network,
        checkpoint=str(folder / WEIGHTS) if is_model(source.checkpoint) else source.checkpoint,
        size_hw=size_hw,
        num_outputs=module.num_classes,
        preprocessing=metadata.preprocessing,
        plain_onnx=plain_onnx,
        models=model,
        frames=frames,
        frame_hw=frame_hw,
        parameters=parameter_count(module),
        macs=multiply_accumulates(module, size_hw),
        miou=miou,
    )


def kept_subject(network: str, size_hw: tuple[int, int], source: Source, folder: Path) -> Subject:
    """Return a subject that was prepared before, or prepare and keep it.

    One prepared from another checkpoint, frames or version of this package is not taken.

    Args:
        network: Name in the zoo; may be empty if the checkpoint says it.
        size_hw: Input height and width in pixels.
        source: Weights and frames.
        folder: Receives a folder for each subject.

    Raises:
        BenchmarkError: If the request makes no sense.
        RtsegError: If a checkpoint, the frames or the network cannot be used.
    """
    key = [__version__, network, size_hw, asdict(source), _digest(source.checkpoint)]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    place = folder / name
    description = place / 'subject.json'
    if not description.exists():
        place.mkdir(parents=True, exist_ok=True)
        subject = prepare(network, size_hw, source, place)
        write_text(description, json.dumps(asdict(subject), default=str))
    return _subject(json.loads(description.read_text(encoding='utf-8')))


def is_model(checkpoint: str) -> bool:
    """Tell whether weights are asked for by a model file or the name of a shipped one."""
    return checkpoint.endswith('.onnx') or checkpoint in shipped_models()


def _digest(checkpoint: str) -> str:
    path = model_path(checkpoint) if is_model(checkpoint) else Path(checkpoint)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''


def _subject(data: dict) -> Subject:
    return Subject(
        **{
            **data,
            'size_hw': tuple(data['size_hw']),
            'frame_hw': tuple(data['frame_hw']),
            'preprocessing': preprocessing_from_dict(data['preprocessing']),
            'plain_onnx': Path(data['plain_onnx']),
            'models': {precision: Path(path) for precision, path in data['models'].items()},
            'frames': Path(data['frames']),
        }
    )


Made = tuple[SegmentationNetwork, dict[str, Path], dict[str, float]]


def _random(network: str, size_hw: tuple[int, int], source: Source, folder: Path) -> Made:
    if network not in list_networks():
        raise BenchmarkError(
            f"no network '{network}'; choose of {', '.join(list_networks())}, or give --checkpoint"
        )
    module = load_network(network, '', source.num_classes)
    metadata = ModelMetadata(
        network=network,
        labels=_numbered_classes(source.num_classes),
        preprocessing=Preprocessing(size_hw, 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB),
        align_corners=module.align_corners,
    )
    makers: dict[str, Callable[[], onnx.ModelProto]] = {
        'fp32': lambda: export_network(module, metadata),
        'fp16': lambda: half_model(export_network(module, metadata)),
    }
    models = {}
    for precision in _with_fp32(source.precisions):
        if precision not in makers:
            raise BenchmarkError(
                f'{precision} needs trained weights to be of use: give --checkpoint and --frames'
            )
        models[precision] = folder / f'{precision}.onnx'
        model = makers[precision]()
        use_fast_operators(model)
        content = file_content(model, replace(metadata, precision=precision))
        models[precision].write_bytes(content)
    return module, models, {}


def _trained(
    network: str, size_hw: tuple[int, int], source: Source, folder: Path, *, accuracy: bool
) -> Made:
    checkpoint = read_checkpoint(source.checkpoint)
    labels = load_label_set(source.labels) if source.labels else checkpoint.labels
    name = network or checkpoint.network
    if labels is None or name is None:
        raise BenchmarkError(
            f"'{source.checkpoint}' does not say its {'network' if labels else 'classes'}; name "
            'the network and give --labels'
        )
    outputs = (labels.num_classes, labels.num_classes + 1)
    module = load_weights(checkpoint, name, outputs=outputs)[0]
    trained_at = checkpoint.preprocessing
    accuracy = accuracy and (trained_at is None or trained_at.size_hw == size_hw)
    models = {}
    for precision in _with_fp32(source.precisions):
        settings = ConversionSettings(
            checkpoint=source.checkpoint,
            output=str(folder / f'{precision}.onnx'),
            network=name,
            labels=source.labels,
            size_hw=size_hw,
            precision=precision,
            calibration=source.frames,
            verify_frames=FEW_VERIFIED,
            keep_anyway=True,
        )
        done = convert(settings, lambda stage, done, total: None)
        models[precision] = done.model
    return module, models, _accuracy(models, source) if accuracy else {}


def _of_model(size_hw: tuple[int, int], source: Source, folder: Path) -> Made:
    """Take a model file as it is, its int8 sibling too, and the network back out of it."""
    model = read_model_file(model_path(source.checkpoint))
    if model.size_hw != size_hw:
        height, width = model.size_hw
        raise BenchmarkError(
            f"'{model.path.name}' takes {height}x{width}; give --size-hw {height} {width}, and "
            '--frame-size-hw for frames of another size'
        )
    models = {'fp32': model.path}
    if 'int8' in source.precisions:
        models['int8'] = model.path.with_name(f'{model.path.stem}_int8.onnx')
        if not models['int8'].is_file():
            raise BenchmarkError(f"there is no int8 model '{models['int8']}' to race")
    module = network_of_model(model)
    torch.save(module.state_dict(), folder / WEIGHTS)
    return module, models, _accuracy(models, source)


def _accuracy(models: Mapping[str, Path], source: Source) -> dict[str, float]:
    """Measure the mIoU of models in each of our ways; empty without ground truth."""
    found: dict[str, float] = {}
    if not source.frames:
        return found
    labels = read_model_file(models['fp32']).metadata.labels
    items = read_items(source.frames, limit=MOST_VERIFIED, labels=labels)
    for contender, engine in ((OURS, 'onnxruntime'), (OURS_OPENVINO, 'openvino')):
        if importlib.util.find_spec(engine) is None:
            continue
        for precision, path in models.items():
            segmenter = load_segmenter(path, engine=engine)
            matrix = ConfusionMatrix(labels.num_classes)
            for item in items:
                truth = item.truth()
                if truth is not None:
                    matrix.add(truth, segmenter(item.frame()).labels)
            if matrix.truth_pixels().any():
                found[accuracy_key(contender, precision)] = matrix.miou()
            segmenter.close()
    return found


def _with_fp32(precisions: Sequence[str]) -> list[str]:
    return ['fp32', *(precision for precision in precisions if precision != 'fp32')]


def _numbered_classes(count: int) -> LabelSet:
    colors = tuple((i * 37 % 256, i * 91 % 256, i * 153 % 256) for i in range(count))
    return LabelSet('numbered', tuple(f'class {i}' for i in range(count)), colors)


def _export_plain(network: SegmentationNetwork, size_hw: tuple[int, int], path: Path) -> None:
    """Export as most projects do: normalised floats in, scores at input size out."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the tracer warns of every fixed size; they are meant
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, *size_hw),),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=['image'],
            output_names=['scores'],
        )


def _frames(source: Source, frame_hw: tuple[int, int], labels: LabelSet) -> np.ndarray:
    if source.frames:
        items = read_items(source.frames, limit=NUM_FRAMES, labels=labels)
    else:
        items = made_items(frame_hw, NUM_FRAMES)
    return np.stack([resized_frame(item.frame(), frame_hw) for item in items])
