# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is raced: one network with its weights at one input size.

Nothing here imports torch: a contender's process loads only what it needs itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg_ros.runtime.preprocess import Preprocessing

if TYPE_CHECKING:
    from rtseg_ros.networks.network import SegmentationNetwork


@dataclass(frozen=True)
class Subject:
    """Files and facts of one network at one size; all that a contender's process needs.

    Attributes:
        network: Name in the zoo.
        checkpoint: File of the trained weights; empty for random ones.
        size_hw: Input height and width in pixels.
        num_outputs: Channels of the logits.
        preprocessing: How a frame becomes input.
        plain_onnx: float32 (1, 3, H, W) to logits at input size, as torch.onnx.export gives.
        models: Our model file of each precision.
        frames: NumPy file with (n, H, W, 3) uint8 BGR frames.
        frame_hw: Their height and width.
        parameters: Number of learned values.
        macs: Multiply-accumulates of one frame.
        miou: Mean IoU, where it was measured, by ``contender.accuracy_key``.
    """

    network: str
    checkpoint: str
    size_hw: tuple[int, int]
    num_outputs: int
    preprocessing: Preprocessing
    plain_onnx: Path
    models: dict[str, Path]
    frames: Path
    frame_hw: tuple[int, int]
    parameters: int
    macs: int
    miou: dict[str, float]

    @property
    def size_text(self) -> str:
        """Height x width of the input, and of the frames where they have another size."""
        text = f'{self.size_hw[0]}x{self.size_hw[1]}'
        if self.frame_hw == self.size_hw:
            return text
        return f'{text}, frames {self.frame_hw[0]}x{self.frame_hw[1]}'


@dataclass(frozen=True)
class Source:
    """Where networks, weights and frames come from.

    Attributes:
        checkpoint: Training checkpoint, or model file or name; empty for random weights.
        labels: Label set of the checkpoint, where it does not say it.
        num_classes: Classes of networks with random weights.
        frames: Folder of images or bag; empty for frames made on the spot.
        precisions: Of our model: ``fp32``, ``fp16``, ``int8``.
        frame_hw: Height and width of the frames; None for those of the input.
    """

    checkpoint: str = ''
    labels: str = ''
    num_classes: int = 19
    frames: str = ''
    precisions: tuple[str, ...] = ('fp32',)
    frame_hw: tuple[int, int] | None = None


def load_network(name: str, checkpoint: str, num_outputs: int) -> 'SegmentationNetwork':
    """Build a torch network in eval mode, with the same weights each time.

    Args:
        name: Name in the zoo.
        checkpoint: File of the trained weights; empty for random ones.
        num_outputs: Channels of the logits.
    """
    import torch

    from rtseg_ros.conversion.checkpoint import read_checkpoint
    from rtseg_ros.conversion.matching import load_weights
    from rtseg_ros.networks import create_network

    if checkpoint:
        return load_weights(read_checkpoint(checkpoint), name, outputs=(num_outputs,))[0]
    torch.manual_seed(0)
    return create_network(name, num_outputs).eval()
