# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A model is one .onnx file; its metadata say what goes in and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import LabelSetError, ModelFileError
from rtseg_ros.labels import UNLABELLED, LabelSet, label_set_from_dict
from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.foreign.table import describe_foreign
from rtseg_ros.runtime.onnx_wire import TensorSpec
from rtseg_ros.runtime.preprocess import Preprocessing, preprocessing_from_dict
from rtseg_ros.runtime.trained_on import TrainedOn, trained_on_from_dict

METADATA_KEY = 'rtseg_ros'
METADATA_FORMAT = 1
# Nodes that turn logits into labels carry this prefix, so that an engine which finishes the
# job itself can leave them out.
FINISH_PREFIX = 'finish/'


@dataclass(frozen=True)
class ModelMetadata:
    """What a model file says about itself.

    Attributes:
        network: Name in the zoo, e.g. ``swiftnet_mnv2``.
        labels: Meaning of the output ids.
        preprocessing: What the network was trained with; already inside the graph if the
            model takes uint8.
        align_corners: Convention of the interpolation from ``logits`` to full size.
        precision: ``fp32``, ``fp16`` or ``int8``.
        unlabelled_output: Index of an ignore or background output, which counts as
            unlabelled; None if every output is a class.
        temperature: Divides the logits before the softmax to calibrate confidence.
        checkpoint_sha256: Hash of the file the weights came from.
        accuracy: Measured figures, e.g. ``{'data': 'camvid/val', 'miou': 0.7}``.
        licence: Terms of the weights; empty if not known.
        trained_on: Which frames trained them, in the order of the runs; empty if not known.
        extra: Further facts, shown and not interpreted.
    """

    network: str
    labels: LabelSet
    preprocessing: Preprocessing
    align_corners: bool = False
    precision: str = 'fp32'
    unlabelled_output: int | None = None
    temperature: float = 1.0
    checkpoint_sha256: str = ''
    accuracy: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ''
    trained_on: tuple[TrainedOn, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the text stored in the file under ``METADATA_KEY``."""
        return json.dumps(
            {
                'format': METADATA_FORMAT,
                'network': self.network,
                'labels': self.labels.to_dict(),
                'preprocessing': self.preprocessing.to_dict(),
                'align_corners': self.align_corners,
                'precision': self.precision,
                'unlabelled_output': self.unlabelled_output,
                'temperature': self.temperature,
                'checkpoint_sha256': self.checkpoint_sha256,
                'accuracy': dict(self.accuracy),
                'licence': self.licence,
                'trained_on': [record.to_dict() for record in self.trained_on],
                'extra': dict(self.extra),
            }
        )


@dataclass(frozen=True)
class ModelFile:
    """A checked model file, held in memory.

    Attributes:
        path: Where it was read from.
        content: The whole file.
        sha256: Of the whole file.
        metadata: What it says about itself.
        input: The only input: uint8 (1, H, W, 3) BGR, or float32 (1, 3, H, W) normalised; -1
            instead of 1 if it takes several images at once.
        outputs: ``logits`` float (1, K, h, w) and/or ``labels`` uint8 (1, H, W), by name.
    """

    path: Path
    content: bytes
    sha256: str
    metadata: ModelMetadata
    input: TensorSpec
    outputs: Mapping[str, TensorSpec]

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width that the network runs at."""
        return self.metadata.preprocessing.size_hw

    @cached_property
    def graph_sha256(self) -> str:
        """SHA-256 of all but the metadata: a new temperature or accuracy is no new network."""
        digest = hashlib.sha256()
        for part in wire.parts_without_metadata(self.content):
            digest.update(part)
        return digest.hexdigest()

    @property
    def num_outputs(self) -> int:
        """Channels of the logits: the classes, and an unlabelled output if there is one."""
        return self.metadata.labels.num_classes + (self.metadata.unlabelled_output is not None)

    def logits_only(self) -> bytes:
        """Return the model without the nodes that turn logits into labels.

        Raises:
            ModelFileError: If a node is damaged.
        """
        try:
            return wire.without_end(self.content, prefix=FINISH_PREFIX, output='labels')
        except ValueError as error:
            raise ModelFileError(
                f"'{self.path}' is damaged ({error}); copy it, or convert the checkpoint, again"
            ) from error

    def with_metadata(self, metadata: ModelMetadata) -> bytes:
        """Return the same model saying something else about itself."""
        return wire.with_property(self.content, METADATA_KEY, metadata.to_json())


def carries_metadata(path: Path) -> bool:
    """Whether a file is a model of ours, by its content; False too if it cannot be read."""
    found = _looked_into(path)
    return found is not None and METADATA_KEY in found.properties


def is_onnx(path: Path) -> bool:
    """Whether a file is an ONNX model, by its content; False too if it cannot be read."""
    found = _looked_into(path)
    return found is not None and _is_whole(found)


def is_foreign(path: Path) -> bool:
    """Whether a file is an ONNX model, by its content, and not one of ours."""
    found = _looked_into(path)
    return found is not None and _is_whole(found) and METADATA_KEY not in found.properties


def _is_whole(found: wire.Summary) -> bool:
    return bool(found.inputs and found.outputs)


def _looked_into(path: Path) -> wire.Summary | None:
    try:
        return wire.summary(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_model_file(path: str | Path) -> ModelFile:
    """Read and check a model.

    Raises:
        ModelFileError: If the file is missing, not ONNX, without metadata, or its inputs and
            outputs are not those of a segmentation model.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"model '{path}' cannot be read: {error.strerror or error}; give the path of a "
            '.onnx file made by rtseg convert'
        ) from error
    return model_file_from_content(content, path)


def model_file_from_content(content: bytes, path: Path) -> ModelFile:
    """Check a model that is not on disk yet.

    Args:
        content: The whole file.
        path: Where it will lie; named in messages.

    Raises:
        ModelFileError: As ``read_model_file``.
    """
    try:
        found = wire.summary(content)
    except ValueError as error:
        raise ModelFileError(
            f"'{path}' is not an ONNX file ({error}); it starts with {content[:16]!r}"
        ) from error
    if METADATA_KEY not in found.properties:
        raise ModelFileError(_foreign(content, path))
    metadata = _metadata(found.properties[METADATA_KEY], path)
    model = ModelFile(
        path=path,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        metadata=metadata,
        input=found.inputs[0] if found.inputs else TensorSpec('', '', ()),
        outputs={spec.name: spec for spec in found.outputs},
    )
    _check(model, found.inputs)
    return model


def _foreign(content: bytes, path: Path) -> str:
    """Say what a file is that others exported, and how to import it."""
    try:
        table = '\n'.join(describe_foreign(content, path).lines())
    except ValueError as error:
        return f"'{path}' is no model: {error}; it is not an ONNX file of a network"
    return (
        f"'{path}' was not made by rtseg convert: it carries no {METADATA_KEY} metadata (class "
        f'names, preprocessing).\n{table}'
    )


def _metadata(document: str, path: Path) -> ModelMetadata:
    try:
        data = json.loads(document)
        if data['format'] != METADATA_FORMAT:
            raise ModelFileError(
                f"'{path}' has metadata format {data['format']}, this version reads "
                f'{METADATA_FORMAT}; convert the checkpoint again'
            )
        unlabelled = data['unlabelled_output']
        return ModelMetadata(
            network=str(data['network']),
            labels=label_set_from_dict(data['labels'], source=f'{path} (metadata)'),
            preprocessing=preprocessing_from_dict(data['preprocessing']),
            align_corners=bool(data['align_corners']),
            precision=str(data['precision']),
            unlabelled_output=None if unlabelled is None else int(unlabelled),
            temperature=float(data['temperature']),
            checkpoint_sha256=str(data['checkpoint_sha256']),
            accuracy=dict(data['accuracy']),
            # Files of 0.1.0 have neither.
            licence=str(data.get('licence', '')),
            trained_on=tuple(map(trained_on_from_dict, data.get('trained_on', ()))),
            extra=dict(data['extra']),
        )
    except (
        LookupError,
        TypeError,
        ArithmeticError,
        ValueError,
        RecursionError,
        LabelSetError,
    ) as error:
        raise ModelFileError(f"the metadata of '{path}' cannot be used: {error!r}") from error


def _check(model: ModelFile, inputs: list[TensorSpec]) -> None:
    height, width = model.size_hw
    free = len(inputs) == 1 and inputs[0].shape[:1] == (-1,)
    batch = -1 if free else 1
    accepted = (('uint8', (batch, height, width, 3)), ('float32', (batch, 3, height, width)))
    found = [(spec.name, spec.dtype, spec.shape) for spec in inputs]
    if len(inputs) != 1 or (inputs[0].dtype, inputs[0].shape) not in accepted:
        raise ModelFileError(
            f"'{model.path}' has inputs {found}; expected one, uint8 (1, {height}, {width}, 3) "
            f'or float32 (1, 3, {height}, {width}), as rtseg convert makes'
        )
    logits, labels = model.outputs.get('logits'), model.outputs.get('labels')
    if logits is None and labels is None:
        raise ModelFileError(
            f"'{model.path}' has outputs {sorted(model.outputs)}; expected 'logits' or 'labels'"
        )
    if logits is not None and (
        logits.dtype != 'float32'
        or len(logits.shape) != 4
        or logits.shape[:2] != (batch, model.num_outputs)
        or min(logits.shape[1:]) < 1
    ):
        raise ModelFileError(
            f"'{model.path}': logits are {logits.dtype} {logits.shape}; expected float32 "
            f'{(batch, model.num_outputs)} and any h, w for its '
            f'{model.metadata.labels.num_classes} classes'
        )
    if labels is not None and (labels.dtype, labels.shape) != ('uint8', (batch, height, width)):
        raise ModelFileError(
            f"'{model.path}': labels are {labels.dtype} {labels.shape}; expected uint8 "
            f'({batch}, {height}, {width})'
        )


def output_table(metadata: ModelMetadata, *, unlabelled_id: int = UNLABELLED) -> np.ndarray | None:
    """Return the (256,) uint8 table from output index to class id; None if they are equal."""
    if metadata.unlabelled_output is None:
        return None
    table = np.arange(256, dtype=np.uint8)
    table[metadata.unlabelled_output + 1 :] -= 1
    table[metadata.unlabelled_output] = unlabelled_id
    return table
