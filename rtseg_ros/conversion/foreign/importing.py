# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The import of a foreign model: what it is, what the user says of it, and our model of it."""

from dataclasses import dataclass, fields
from pathlib import Path
import shlex

import onnx

from rtseg_ros.conversion.foreign.input_layout import InputLayout, input_layout
from rtseg_ros.conversion.foreign.original import Original
from rtseg_ros.conversion.foreign.output_layout import OutputLayout, output_layout, output_name
from rtseg_ros.conversion.foreign.preprocessing import told_preprocessing
from rtseg_ros.conversion.foreign.rewrite import RAISED_OPSET, raised, rewritten
from rtseg_ros.conversion.foreign.source import Source, read_source
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sample import made_items
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.runtime.foreign.sidecar import Sidecar
from rtseg_ros.runtime.foreign.table import describe_foreign
from rtseg_ros.runtime.model_file import ModelMetadata

NETWORK = 'imported'
_PROBES = 3
# Of the first DequantizeLinear with a scale for each channel.
_INT8_OPSET = 13
_QUANTIZED = {'QuantizeLinear', 'DynamicQuantizeLinear', 'ConvInteger', 'MatMulInteger'}


@dataclass(frozen=True)
class Imported:
    """A foreign model in our contract.

    Attributes:
        model: In float32, checked.
        metadata: What it will say about itself.
        notes: What was decided and why, one sentence each.
        original: The model as it came, to compare with.
        output: What of it is used.
        opset: Of the model as it came.
        body: Number format of its body: ``fp32``, ``fp16`` or, already quantised, ``int8``.
        decisions: The same for machines, for the metadata's ``extra``.
    """

    model: onnx.ModelProto
    metadata: ModelMetadata
    notes: tuple[str, ...]
    original: Original
    output: OutputLayout
    opset: int
    body: str
    decisions: dict[str, object]


def import_model(settings: ConversionSettings) -> Imported:
    """Read a foreign .onnx file and write it into our contract, in float32.

    Raises:
        ConversionError: If something is neither told nor stated, or the file cannot be used; the
            message ends with the table that ``rtseg models --describe`` prints.
        LabelSetError: If there is no such label set.
    """
    path = Path(settings.checkpoint)
    try:
        foreign = describe_foreign(path.read_bytes(), path, told_options(settings))
    except ValueError as error:
        raise ConversionError(f"'{path}' is damaged ({error}); copy it again") from error
    try:
        return _imported(settings, foreign.sidecar)
    except ConversionError as error:
        raise ConversionError('\n'.join([str(error), *foreign.lines()])) from error


def told_options(settings: ConversionSettings) -> dict[str, str]:
    """Return the options that are given, as typed for ``rtseg convert``."""
    told = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if item.name != 'checkpoint' and value != item.default:
            values = value if isinstance(value, tuple) else (value,)
            words = [f'{v:g}' if isinstance(v, float) else shlex.quote(str(v)) for v in values]
            told['--' + item.name.replace('_', '-')] = '' if value is True else ' '.join(words)
    return told


def _imported(settings: ConversionSettings, sidecar: Sidecar) -> Imported:
    source = read_source(settings.checkpoint)
    _refuse_other_options(settings)
    if sidecar.refusal:
        raise ConversionError(f"'{source.path}' cannot be used: {sidecar.refusal}")
    given = input_layout(source)
    body = _body(settings, source)
    name = output_name(source, settings.output_name)
    labels, labels_note = _labels(settings, sidecar)
    preprocessing, why, said = told_preprocessing(settings, source, given, sidecar)
    original = Original(source, given, name, preprocessing)
    probes = [original.run(item.frame()) for item in made_items(preprocessing.size_hw, _PROBES)]
    wanted = output_layout(
        name, probes, preprocessing.size_hw, labels.num_classes, settings.output_kind
    )
    unlabelled, which = _unlabelled_output(settings, wanted, labels)
    if wanted.kind == 'labels' and settings.precision != 'fp32':
        raise ConversionError(
            f"output '{name}' holds class ids, and {settings.precision} is compared by scores; "
            'export the model with its scores, or leave out --precision'
        )
    metadata = ModelMetadata(
        network=NETWORK,
        labels=labels,
        preprocessing=preprocessing,
        align_corners=settings.align_corners,
        precision=body if settings.precision == 'fp32' else settings.precision,
        unlabelled_output=unlabelled,
        checkpoint_sha256=source.sha256,
    )
    model = rewritten(source, given, wanted, metadata, threshold=settings.threshold)
    notes, decisions = _notes(settings, source, given, wanted, why)
    decisions['licence'] = _licence(source, sidecar)
    decisions['classes_from'] = labels_note
    notes += [labels_note, *said, *sidecar.notes]
    if which:
        notes.append(which)
    if body != 'fp32':
        notes.append(f'its body is {body} as it came')
    if settings.precision == 'int8' and source.opset < _INT8_OPSET:
        model = raised(model)
        notes.append(f'opset {source.opset} raised to {RAISED_OPSET}, which int8 needs')
    return Imported(model, metadata, tuple(notes), original, wanted, source.opset, body, decisions)


def _body(settings: ConversionSettings, source: Source) -> str:
    """Return the number format of the model's body.

    Raises:
        ConversionError: If another precision is wanted than it can be brought into.
    """
    kinds = {node.op_type for node in source.model.graph.node}
    weights = {tensor.data_type for tensor in source.model.graph.initializer}
    body = 'fp32'
    if kinds & _QUANTIZED or any(kind.startswith('QLinear') for kind in kinds):
        body = 'int8'
    elif onnx.TensorProto.FLOAT16 in weights:
        body = 'fp16'
    kept = ('fp32', 'fp16') if body == 'fp16' else ('fp32',)
    if body != 'fp32' and settings.precision not in kept:
        raise ConversionError(
            f"'{source.path}' is {body} already; leave out --precision, or export it in float32"
        )
    return body


def _labels(settings: ConversionSettings, sidecar: Sidecar) -> tuple[LabelSet, str]:
    """Return the classes, and where they come from."""
    if settings.labels:
        told = load_label_set(settings.labels)
        note = f'classes from --labels {settings.labels}'
        if sidecar.labels is not None and sidecar.labels.names != told.names:
            note += f'; {sidecar.labels_from} names {sidecar.labels.num_classes} others'
        return told, note
    if sidecar.labels is not None:
        return sidecar.labels, f'classes from {sidecar.labels_from}'
    raise ConversionError(
        f"'{settings.checkpoint}' does not say its classes; give --labels camvid, cityscapes or a "
        'YAML file'
    )


def _licence(source: Source, sidecar: Sidecar) -> str:
    words = {key.lower(): value for key, value in source.properties.items()}
    return words.get('license') or words.get('licence') or sidecar.licence or 'unknown'


def _refuse_other_options(settings: ConversionSettings) -> None:
    for name in ('network', 'weights_key'):
        if getattr(settings, name):
            option = name.replace('_', '-')
            raise ConversionError(
                f"--{option} is for checkpoints, '{settings.checkpoint}' is an ONNX file; leave "
                'it out'
            )


def _unlabelled_output(
    settings: ConversionSettings, wanted: OutputLayout, labels: LabelSet
) -> tuple[int | None, str]:
    """Return the output that means unlabelled and a note on it; nothing is guessed."""
    told = settings.unlabelled_output
    if wanted.kind == 'labels' or wanted.channels <= labels.num_classes:
        if told not in ('auto', 'none'):
            raise ConversionError(
                f'unlabelled_output is {told}, but the model has one output per class'
            )
        return None, ''
    if not told.isdecimal() or int(told) > labels.num_classes:
        raise ConversionError(
            f"output '{wanted.name}' has {wanted.channels} channels for {labels.num_classes} "
            f'classes of {labels.name}: say which one means unlabelled with --unlabelled-output, '
            f'0 to {labels.num_classes}, or give --labels with {wanted.channels} classes'
        )
    return int(told), f'output {told} of 0 to {labels.num_classes} means unlabelled'


def _notes(
    settings: ConversionSettings,
    source: Source,
    given: InputLayout,
    wanted: OutputLayout,
    why: str,
) -> tuple[list[str], dict[str, object]]:
    kind = f'{wanted.kind} {wanted.shape}'
    notes = [
        f"{source.path.name}: opset {source.opset}, input '{given.name}' {given.describe()}, "
        f"output '{wanted.name}' {kind}",
        f'the output holds {wanted.kind}: {wanted.why}',
        f'preprocessing from {why}',
    ]
    if wanted.kind != 'labels':
        how = 'aligned corners' if settings.align_corners else 'half-pixel centres'
        notes.append(f'scores are enlarged bilinearly with {how}')
    if wanted.is_binary:
        notes.append(f'one channel: the second class above {settings.threshold:g}')
    if not settings.verify:
        notes.append('compared on drawn frames only')
    decisions: dict[str, object] = {
        'source': source.path.name,
        'source_sha256': source.sha256,
        'opset': source.opset,
        'input': f'{given.name}: {given.describe()}',
        'output': f'{wanted.name}: {kind}',
        'output_kind': wanted.kind,
        'preprocessing_from': why,
        'threshold': settings.threshold if wanted.is_binary else None,
    }
    return notes, decisions
