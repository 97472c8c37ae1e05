# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint is to become: its network, classes, preprocessing and unlabelled output."""

from dataclasses import dataclass, replace
from pathlib import Path

from rtseg_ros.conversion.checkpoint import Checkpoint, read_checkpoint
from rtseg_ros.conversion.finishing import Draft
from rtseg_ros.conversion.matching import Match, load_weights, looks_like
from rtseg_ros.conversion.network_draft import network_draft
from rtseg_ros.conversion.presets import chosen_preprocessing
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import ModelMetadata
from rtseg_ros.runtime.trained_on import joined_licences


@dataclass(frozen=True)
class Task:
    """All decisions of a conversion.

    Attributes:
        network: With the weights, in eval mode.
        metadata: Of the model to be.
        notes: What was decided and why, one sentence each.
    """

    network: SegmentationNetwork
    metadata: ModelMetadata
    notes: tuple[str, ...]


def checkpoint_draft(settings: ConversionSettings) -> Draft:
    """Read a checkpoint and return what is to become of it.

    Raises:
        RtsegError: As ``decide``.
    """
    task = decide(settings)
    return network_draft(
        task.network,
        task.metadata,
        task.notes,
        output=Path(settings.output),
        verify_engine=settings.verify_engine,
    )


def decide(settings: ConversionSettings) -> Task:
    """Read the checkpoint and settle what it is.

    Raises:
        CheckpointError: If it cannot be read or does not fit the network.
        ConversionError: If something is neither told nor known.
        LabelSetError: If there is no such label set.
    """
    checkpoint = read_checkpoint(
        settings.checkpoint,
        settings.weights_key,
        prefix=settings.weights_prefix,
        ignore_keys=settings.ignore_keys,
    )
    labels = _labels(settings, checkpoint)
    network, found = _network(settings, checkpoint, labels)
    checkpoint = replace(checkpoint, weights=found.view.weights)
    preprocessing, why = chosen_preprocessing(settings, checkpoint, found.layout, labels)
    unlabelled, which = _unlabelled_output(settings, found, labels)
    key = f", key '{checkpoint.container}'" if checkpoint.container else ''
    notes = [
        f'weights: {checkpoint.path.name}{key}, {found.layout.title} keys',
        *checkpoint.notes,
        *filter(None, [found.view.note()]),
        f'preprocessing from {why}',
    ]
    if settings.network and found.layout.network != settings.network:
        notes.append(f'{found.layout.network}: its width or depth was read from the shapes')
    if which:
        notes.append(which)
    if checkpoint.network is None and labels.name in found.layout.caution:
        notes.append(found.layout.caution[labels.name])
    metadata = ModelMetadata(
        network=found.layout.network,
        labels=labels,
        preprocessing=preprocessing,
        align_corners=network.align_corners,
        precision=settings.precision,
        unlabelled_output=unlabelled,
        checkpoint_sha256=checkpoint.sha256,
        accuracy=checkpoint.accuracy,
        licence=joined_licences(checkpoint.trained_on),
        trained_on=checkpoint.trained_on,
        extra={'training': checkpoint.training} if checkpoint.training else {},
    )
    return Task(network, metadata, tuple(notes))


def _labels(settings: ConversionSettings, checkpoint: Checkpoint) -> LabelSet:
    if settings.labels:
        return load_label_set(settings.labels)
    if checkpoint.labels is None:
        raise ConversionError(
            f"'{checkpoint.path}' was not written by rtseg train and does not say its classes; "
            'give --labels camvid, cityscapes or a YAML file'
        )
    return checkpoint.labels


def _network(
    settings: ConversionSettings, checkpoint: Checkpoint, labels: LabelSet
) -> tuple[SegmentationNetwork, Match]:
    name = settings.network or checkpoint.network
    outputs = (labels.num_classes, labels.num_classes + 1)
    if not name:
        raise ConversionError(
            f"'{checkpoint.path}' was not written by rtseg train and does not say its network. "
            f'{looks_like(checkpoint, outputs[0])}'
        )
    return load_weights(checkpoint, name, outputs=outputs)


def _unlabelled_output(
    settings: ConversionSettings, found: Match, labels: LabelSet
) -> tuple[int | None, str]:
    """Return the output that means unlabelled, and a note on it; (None, '') if there is none."""
    wanted = settings.unlabelled_output
    extra = found.outputs - labels.num_classes
    if not extra:
        if wanted not in ('auto', 'none'):
            raise ConversionError(
                f'unlabelled_output is {wanted}, but the network has one output per class'
            )
        return None, ''
    if wanted == 'auto':
        index = found.layout.ignored_output % found.outputs
    elif wanted.isdecimal() and int(wanted) < found.outputs:
        index = int(wanted)
    else:
        raise ConversionError(
            f"unlabelled_output is '{wanted}'; the network has {found.outputs} outputs for "
            f'{labels.num_classes} classes of {labels.name}: accepted are auto and '
            f'0 to {found.outputs - 1}'
        )
    return index, f'output {index} of 0 to {found.outputs - 1} means unlabelled'
