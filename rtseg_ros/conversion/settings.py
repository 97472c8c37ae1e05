# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the converter can be told; options of ``rtseg convert``, parameters of the node."""

from dataclasses import dataclass

from rtseg_ros.engines import ENGINES, PRECISIONS
from rtseg_ros.options import parameter


@dataclass(frozen=True)
class ConversionSettings:
    """Settings of one conversion; ``convert`` says what each is for."""

    checkpoint: str = parameter(
        '', 'Training checkpoint (torch or safetensors), or a .onnx file that others exported.'
    )
    output: str = parameter('', 'Path of the .onnx file to write.')
    network: str = parameter(
        '',
        'Name of the network (see rtseg models --networks); empty to take it from the checkpoint.',
    )
    labels: str = parameter(
        '', 'camvid, cityscapes or a YAML file; empty to take it from the checkpoint.'
    )
    weights_key: str = parameter(
        '', 'Key of the weights inside the checkpoint; empty to find them.'
    )
    weights_prefix: str = parameter(
        '', 'Take only the weights whose keys start with this, e.g. teacher; empty to find them.'
    )
    ignore_keys: str = parameter(
        '',
        'Keys of weights to leave out, e.g. of auxiliary heads: patterns as in a shell, separated '
        'by commas.',
    )
    unlabelled_output: str = parameter(
        'auto',
        'Output that means unlabelled: its index, none, or auto: where there is one more output '
        'than classes, the one that the authors of the key layout use, else the last.',
    )
    size_hw: tuple[int, int] = parameter(
        (0, 0),
        'Height and width of the network input in pixels; 0 0 for those of the checkpoint or '
        'preset.',
        minimum=0,
        maximum=65536,
    )
    preset: str = parameter(
        '', 'Preprocessing by name (see docs/conversion.md); empty for that of the checkpoint.'
    )
    channel_order: str = parameter(
        '', 'Channel order of mean and std.', choices=('', 'rgb', 'bgr')
    )
    mean: tuple[float, float, float] = parameter(
        (0.0, 0.0, 0.0),
        'Subtracted from the channels, on 0..255; used where std is given.',
        minimum=-1e6,
        maximum=1e6,
    )
    std: tuple[float, float, float] = parameter(
        (0.0, 0.0, 0.0),
        'Divides the channels, on 0..255; 0 0 0 to use a preset instead.',
        minimum=0.0,
        maximum=1e6,
    )
    scale: float = parameter(
        1.0, 'Multiplies the result; used where std is given.', minimum=-1e6, maximum=1e6
    )
    output_name: str = parameter(
        '', 'Output of a foreign .onnx file to use; needed where it has several.'
    )
    output_kind: str = parameter(
        'auto',
        'What that output holds: scores, softmax probabilities, sigmoid probabilities, class ids; '
        'auto to tell it from type, shape and values.',
        choices=('auto', 'logits', 'probabilities', 'sigmoid', 'labels'),
    )
    threshold: float = parameter(
        0.5,
        'Probability above which a pixel of a foreign model with one channel is the second class.',
        minimum=0.001,
        maximum=0.999,
    )
    align_corners: bool = parameter(
        False,
        'Enlarge the scores of a foreign model with aligned corners, not half-pixel centres.',
    )
    licence: str = parameter(
        '', 'Terms of the weights, to be stated in the file; empty for those of what trained them.'
    )
    precision: str = parameter('fp32', 'Number format of the network body.', choices=PRECISIONS)
    free_batch: bool = parameter(
        False,
        'Let the model take any number of images at once, as max_batch of the segmentation node '
        'with several cameras can use on ONNX Runtime.',
    )
    calibration: str = parameter(
        '', 'Folder of images or bag with real frames; int8 takes its ranges from them.'
    )
    calibration_frames: int = parameter(
        100, 'Most frames to calibrate with, spread evenly.', minimum=1, maximum=100000
    )
    verify: str = parameter(
        '',
        'Folder of images or bag to compare the model with its source on; a folder with images '
        'and labels in it also gives the mIoU of both. Empty for frames made on the spot.',
    )
    verify_frames: int = parameter(
        20, 'Most frames to compare on, spread evenly.', minimum=1, maximum=100000
    )
    verify_engine: str = parameter(
        'onnxruntime',
        'What runs the model in the comparison.',
        choices=ENGINES,
    )
    tolerance: float = parameter(
        0.0,
        'Smallest accepted agreement of a class with the source, pixels of both over pixels of '
        'either; 0 for the default of the precision.',
        minimum=0.0,
        maximum=1.0,
    )
    keep_anyway: bool = parameter(
        False, 'Write the model even if it misses the tolerance; its metadata then say so.'
    )
    engine: bool = parameter(
        False,
        'Also build the TensorRT plan of the model for the GPU of this machine, for which the '
        'node would take minutes at its first start; with a model file as checkpoint, only that.',
    )
