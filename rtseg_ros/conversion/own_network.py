# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a network of one's own in Python to a model file, in one call."""

from collections.abc import Mapping
import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from rtseg_ros.conversion.finishing import Conversion, check_output, finished
from rtseg_ros.conversion.network_draft import network_draft
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.progress import Staged
from rtseg_ros.runtime.model_file import ModelMetadata
from rtseg_ros.runtime.preprocess import Preprocessing

# Where libraries put the scores among what a module returns: torchvision, transformers.
_KEYS = ('out', 'logits')


class PlainModule(SegmentationNetwork):
    """Any torch module that scores pixels, at whatever stride, as a network of ours."""

    def __init__(self, module: nn.Module, num_classes: int, *, align_corners: bool) -> None:
        super().__init__(num_classes)
        self.module = module
        self.align_corners = align_corners

    def decode(self, image: Tensor) -> Tensor:
        """Return the scores among what the module returns.

        Raises:
            ConversionError: If there are none.
        """
        found = self.module(image)
        if isinstance(found, Mapping):
            found = next((found[key] for key in _KEYS if key in found), None)
        elif isinstance(found, list | tuple):
            found = found[0]
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise ConversionError(
                f'{type(self.module).__name__} returns no (N, K, h, w) scores; wrap it in a '
                'module that does'
            )
        return found

    def coarse_logits(self, image: Tensor) -> Tensor:
        """Return the scores at the module's own stride."""
        return self.decode(image)


def save_model(
    network: nn.Module,
    output: str | Path,
    *,
    labels: str | LabelSet,
    preprocessing: Preprocessing,
    unlabelled_output: int | None = None,
    align_corners: bool = False,
    precision: str = 'fp32',
    calibration: str = '',
    verify: str = '',
    progress: Staged = lambda stage, done, total: None,
) -> Conversion:
    """Export a network with our contract, hold it to torch, and write it with its report.

    Args:
        network: With its weights, on the CPU; put into eval mode. A ``SegmentationNetwork``, or
            any module from a normalised image (1, 3, H, W) to scores (1, K, h, w), alone, first
            in a tuple, or under ``out`` or ``logits``.
        output: Path of the .onnx file to write.
        labels: Label set, ``camvid``, ``cityscapes`` or the path of a YAML file.
        preprocessing: What the network was trained with, and the size to run at.
        unlabelled_output: The output that means unlabelled, where there is one more than classes.
        align_corners: Convention of the enlargement of a plain module's scores.
        precision: As ``rtseg convert --precision``.
        calibration: Frames for int8.
        verify: Frames to compare on; drawn ones if empty.
        progress: Told of each stage.

    Raises:
        ParityError: If the file is not near enough to torch. Nothing is written.
        RtsegError: If anything else does not fit.
    """
    settings = ConversionSettings(
        checkpoint=type(network).__name__,
        output=str(output),
        precision=precision,
        calibration=calibration,
        verify=verify,
    )
    check_output(settings)
    known = labels if isinstance(labels, LabelSet) else load_label_set(labels)
    ours = network
    if not isinstance(network, SegmentationNetwork):
        ours = PlainModule(network, known.num_classes, align_corners=align_corners)
    assert isinstance(ours, SegmentationNetwork)
    ours.eval()
    _check_outputs(ours, known, preprocessing, unlabelled_output)
    metadata = ModelMetadata(
        network=type(network).__name__,
        labels=known,
        preprocessing=preprocessing,
        align_corners=ours.align_corners,
        precision=precision,
        unlabelled_output=unlabelled_output,
        checkpoint_sha256=weights_sha256(network),
    )
    notes = [f'{type(network).__name__} exported from Python', 'preprocessing from the caller']
    draft = network_draft(
        ours, metadata, notes, output=Path(output), verify_engine=settings.verify_engine
    )
    return finished(settings, draft, progress)


@torch.no_grad()
def _check_outputs(
    network: SegmentationNetwork,
    labels: LabelSet,
    preprocessing: Preprocessing,
    unlabelled_output: int | None,
) -> None:
    found = network.coarse_logits(torch.zeros(1, 3, *preprocessing.size_hw)).shape[1]
    wanted = labels.num_classes + (unlabelled_output is not None)
    if found != wanted:
        raise ConversionError(
            f'the network has {found} outputs, {labels.name} has {labels.num_classes} classes'
            + ('' if unlabelled_output is None else ' and one output is unlabelled')
            + '; give the label set that it was trained with, and unlabelled_output if one of '
            'its outputs means that'
        )


def weights_sha256(network: nn.Module) -> str:
    """Return a hash of the names and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
