# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a float32 graph in our contract to a file: precision, batch, comparison, report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path
import tempfile
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import helper

from rtseg_ros import __version__
from rtseg_ros.conversion.parity import TOLERANCES, Parity
from rtseg_ros.conversion.passes.batch import check_free_batch, free_batch
from rtseg_ros.conversion.passes.edit import checked
from rtseg_ros.conversion.passes.half import half_model
from rtseg_ros.conversion.passes.int8 import quantized_model
from rtseg_ros.conversion.report import report
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.engines import PRECISIONS
from rtseg_ros.errors import ConversionError, ParityError
from rtseg_ros.frames.sample import made_items, read_items, source_name
from rtseg_ros.frames.sources import Item
from rtseg_ros.output_files import replace_files
from rtseg_ros.progress import Counted, Staged
from rtseg_ros.runtime.model_file import METADATA_KEY, ModelMetadata, model_file_from_content
from rtseg_ros.runtime.preprocess import resized_frame

# Called with the stage, steps done and steps in all; a stage starts with 0 done.
MADE_FRAMES = 4


class Comparison(Protocol):
    """Compares a model file with what it was made of."""

    def __call__(
        self,
        content: bytes,
        items: Sequence[Item],
        *,
        source: str,
        tolerance: float,
        progress: Counted,
    ) -> tuple[Parity, tuple[str, ...]]:
        """Label frames with both.

        Args:
            content: The model file, in whatever precision.
            items: At least one frame; ground truth is used where it is there.
            source: Where the frames came from, for the record.
            tolerance: Smallest accepted agreement of a class, 0..1.
            progress: Called with frames done and in all.

        Returns:
            What was found, and notes on it.
        """


@dataclass(frozen=True)
class Draft:
    """What is to become a model file.

    Attributes:
        metadata: What it will say about itself.
        notes: What was decided and why, one sentence each.
        export: Makes the graph, in float32.
        compare: Holds the result to where it comes from.
        reference: What that is, for people.
        extra: Further facts for the metadata's ``extra``: ``opset``, ``versions`` and others.
        body: Number format of the graph's body as it is exported, if not float32.
    """

    metadata: ModelMetadata
    notes: tuple[str, ...]
    export: Callable[[], onnx.ModelProto]
    compare: Comparison
    reference: str
    extra: dict[str, Any]
    body: str = 'fp32'


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        model: Path of the model file.
        report: Path of the report beside it.
        sha256: Hash of the model file.
        metadata: What the model says about itself.
        parity: How near it is to its source.
        notes: What was decided on the way, one sentence each.
    """

    model: Path
    report: Path
    sha256: str
    metadata: ModelMetadata
    parity: Parity
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for machines."""
        return {
            'model': str(self.model),
            'report': str(self.report),
            'sha256': self.sha256,
            'network': self.metadata.network,
            'labels': self.metadata.labels.name,
            'precision': self.metadata.precision,
            'preprocessing': self.metadata.preprocessing.to_dict(),
            'unlabelled_output': self.metadata.unlabelled_output,
            'checkpoint_sha256': self.metadata.checkpoint_sha256,
            'accuracy': dict(self.metadata.accuracy),
            'parity': self.parity.to_dict(),
            'notes': list(self.notes),
        }


def finished(settings: ConversionSettings, draft: Draft, progress: Staged) -> Conversion:
    """Bring a draft into its precision, compare it with its source and write it.

    Raises:
        ParityError: If the model is not near enough to its source.
        RtsegError: If anything else does not fit. Nothing is written in any of these cases.
    """
    output, metadata, notes = Path(settings.output), draft.metadata, list(draft.notes)
    # Found before the long work: a folder that is not there would be a pity after it.
    items, source = _verification(settings, metadata)
    progress('exporting', 0, 1)
    model = draft.export()
    if settings.precision == 'fp16' and draft.body != 'fp16':
        model = half_model(model)
    elif settings.precision == 'int8':
        model, note = _quantized(settings, model, metadata, progress)
        notes.append(note)
    if settings.free_batch:
        free_batch(model)
        check_free_batch(checked(model))
        notes.append('takes any number of images at once')
    parity, said = draft.compare(
        file_content(model, metadata),
        items,
        source=source,
        tolerance=settings.tolerance or TOLERANCES[metadata.precision],
        progress=lambda done, total: progress(f'comparing with {draft.reference}', done, total),
    )
    notes += said
    if not parity.passed and not settings.keep_anyway:
        raise ParityError(_refusal(settings, parity))
    metadata = replace(
        metadata,
        licence=settings.licence or metadata.licence,
        extra={'parity': parity.to_dict(), 'notes': notes, **draft.extra, **metadata.extra},
    )
    content = file_content(model, metadata)
    model_file_from_content(content, output)  # it must read back before it replaces anything
    sha256 = hashlib.sha256(content).hexdigest()
    progress('writing', 0, 1)
    text = report(output.name, metadata, parity, sha256=sha256, notes=notes)
    # The model last: where it lies, its report lies.
    try:
        replace_files({report_path(output): text.encode(), output: content})
    except OSError as error:
        raise ConversionError(f"'{error.filename}' cannot be written: {error.strerror}") from error
    return Conversion(output, report_path(output), sha256, metadata, parity, tuple(notes))


def file_content(model: onnx.ModelProto, metadata: ModelMetadata) -> bytes:
    """Return the bytes of a model file with these metadata, any older ones replaced."""
    stamped = onnx.ModelProto()
    stamped.CopyFrom(model)
    helper.set_model_props(stamped, {METADATA_KEY: metadata.to_json()})
    return stamped.SerializeToString(deterministic=True)


def versions(**others: str) -> dict[str, str]:
    """Return the versions of what made a model, for its metadata."""
    return {'rtseg_ros': __version__, 'onnx': onnx.__version__, **others}


def report_path(output: Path) -> Path:
    """Return where the report of a model lies: ``model.report.md`` beside ``model.onnx``."""
    return output.with_name(f'{output.stem}.report.md')


def check_output(settings: ConversionSettings) -> None:
    """Check what is cheap to check before the long work.

    Raises:
        ConversionError: If the settings contradict each other, or nothing could be written.
    """
    for name in ('checkpoint', 'output'):
        if not getattr(settings, name):
            raise ConversionError(f"'{name}' is empty; give the path of a file")
    if settings.precision not in PRECISIONS:
        raise ConversionError(
            f"precision is '{settings.precision}'; accepted: {', '.join(PRECISIONS)}"
        )
    if settings.precision == 'int8' and not settings.calibration:
        raise ConversionError('int8 needs real frames to calibrate with: give --calibration')
    output = Path(settings.output)
    if output.suffix != '.onnx':
        raise ConversionError(f"output is '{output}'; its name must end in .onnx")
    if not output.parent.is_dir():
        raise ConversionError(f"output folder '{output.parent}' does not exist; make it first")
    for path in (output, report_path(output)):
        if path.is_dir():
            raise ConversionError(f"output '{path}' is a folder; give the path of a file")
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ConversionError(
            f"nothing can be written into '{output.parent}' ({error.strerror or error}); choose "
            'another folder'
        ) from error


def _quantized(
    settings: ConversionSettings,
    model: onnx.ModelProto,
    metadata: ModelMetadata,
    progress: Staged,
) -> tuple[onnx.ModelProto, str]:
    items = read_items(
        settings.calibration, limit=settings.calibration_frames, labels=metadata.labels
    )
    size_hw = metadata.preprocessing.size_hw

    def reader(item: Item) -> Callable[[], np.ndarray]:
        return lambda: np.ascontiguousarray(resized_frame(item.frame(), size_hw))[None]

    quantized = quantized_model(
        model,
        [reader(item) for item in items],
        lambda done, total: progress('calibrating', done, total),
    )
    note = (
        f'int8: {quantized.convolutions} convolutions, {quantized.float_convolutions} stay '
        f'float32; ranges from {len(items)} frames of {source_name(settings.calibration)}'
    )
    return quantized.model, note


def _verification(settings: ConversionSettings, metadata: ModelMetadata) -> tuple[list[Item], str]:
    """Return the frames to compare on and a name for them; calibration frames will do."""
    path = settings.verify or settings.calibration
    if not path:
        size_hw = metadata.preprocessing.size_hw
        return made_items(size_hw, MADE_FRAMES), 'made-up street scenes'
    items = read_items(path, limit=settings.verify_frames, labels=metadata.labels)
    return items, source_name(path)


def _refusal(settings: ConversionSettings, parity: Parity) -> str:
    moved = ', '.join(f'{name} {parity.agreement[name]:.4f}' for name in parity.failed)
    what = f'these classes moved: {moved}' if moved else 'its logits are not finite'
    advice = '' if settings.verify else 'Compare on frames of your camera (--verify), '
    return (
        f'the {settings.precision} model differs from {parity.reference} by more than the '
        f'tolerance {parity.tolerance:g}; {what}. {parity.summary()}. Nothing was '
        f'written. {advice}'
        f'{"lower" if advice else "Lower"} the demand with --tolerance, or write it all the '
        'same with --keep-anyway'
    )
