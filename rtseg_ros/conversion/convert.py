"""The whole conversion: read, fit, export, compare with torch, write."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
import hashlib
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from rtseg_ros import __version__
from rtseg_ros.conversion.export import (
    OPSET,
    export_network,
    file_content,
)
from rtseg_ros.conversion.foreign.gate import compare_with_original
from rtseg_ros.conversion.foreign.importing import import_model
from rtseg_ros.conversion.foreign.source import is_onnx
from rtseg_ros.conversion.parity import (
    TOLERANCES,
    Parity,
    compare,
    engine_inference,
    onnxruntime_inference,
)
from rtseg_ros.conversion.passes.batch import free_batch
from rtseg_ros.conversion.passes.edit import checked
from rtseg_ros.conversion.passes.half import half_model
from rtseg_ros.conversion.passes.int8 import quantized_model
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.conversion.report import report
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.conversion.task import decide
from rtseg_ros.engines import PRECISIONS
from rtseg_ros.errors import ConversionError, ParityError
from rtseg_ros.frames.sample import made_items, read_items, source_name
from rtseg_ros.frames.sources import Item
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.output_files import replace_files
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.model_file import ModelMetadata, model_file_from_content
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.preprocess import resized_frame
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

# Called with the stage, steps done and steps in all; a stage starts with 0 done.
Progress = Callable[[str, int, int], None]
MADE_FRAMES = 4
FOREIGN_OPTIONS = ('output_name', 'output_kind', 'threshold', 'align_corners')


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        model: Path of the model file.
        report: Path of the report beside it.
        sha256: Hash of the model file.
        metadata: What the model says about itself.
        parity: How near it is to torch.
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


def report_path(output: Path) -> Path:
    """Return where the report of a model lies: ``model.report.md`` beside ``model.onnx``."""
    return output.with_name(f'{output.stem}.report.md')


def convert(settings: ConversionSettings, progress: Progress) -> Conversion:
    """Convert a checkpoint into a model file, with a report beside it.

    Args:
        settings: What to convert and how.
        progress: Told of each stage.

    Raises:
        CheckpointError: If the checkpoint cannot be read or does not fit the network.
        ParityError: If the model is not near enough to torch.
        RtsegError: If anything else does not fit. Nothing is written in any of these cases.
    """
    output = _output(settings)
    progress('reading the checkpoint', 0, 1)
    imported = task = None
    if is_onnx(settings.checkpoint):
        if settings.verify_engine != 'onnxruntime':
            raise ConversionError(
                f"verify_engine is '{settings.verify_engine}': a foreign .onnx file is compared "
                'with the original in onnxruntime only; leave it out'
            )
        imported = import_model(settings)
        metadata, notes = imported.metadata, list(imported.notes)
    else:
        _refuse_foreign_options(settings)
        task = decide(settings)
        metadata, notes = task.metadata, list(task.notes)
    # Found before the long work: a folder that is not there would be a pity after it.
    items, source = _verification(settings, metadata)
    progress('exporting', 0, 1)
    if task is not None:
        model = export_network(task.network, metadata)
        use_fast_operators(model)
    else:
        assert imported is not None
        model = imported.model
    if settings.precision == 'fp16':
        model = half_model(model)
    elif settings.precision == 'int8':
        model, note = _quantized(settings, model, metadata, progress)
        notes.append(note)
    if settings.free_batch:
        free_batch(model)
        checked(model)
        notes.append('takes any number of images at once')
    if task is not None:
        parity = _compared(settings, task.network, model, metadata, items, source, progress)
    else:
        assert imported is not None
        parity, said = compare_with_original(
            imported,
            file_content(model, metadata),
            items,
            source=source,
            tolerance=settings.tolerance or TOLERANCES[settings.precision],
            threshold=settings.threshold,
            progress=lambda done, total: progress('comparing with the original', done, total),
        )
        notes += said
    if not parity.passed and not settings.keep_anyway:
        raise ParityError(_refusal(settings, parity))
    extra = _extra(parity, notes)
    if imported is not None:
        extra['imported'] = imported.decisions
    metadata = replace(metadata, extra=extra)
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


def _output(settings: ConversionSettings) -> Path:
    """Check what is cheap to check before the long work."""
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
    return output


def _refuse_foreign_options(settings: ConversionSettings) -> None:
    """Hold what only a foreign model has against a checkpoint."""
    for item in fields(settings):
        if item.name in FOREIGN_OPTIONS and getattr(settings, item.name) != item.default:
            raise ConversionError(
                f"{item.name} is for .onnx files, '{settings.checkpoint}' is none; leave it out"
            )


def _quantized(
    settings: ConversionSettings,
    model: onnx.ModelProto,
    metadata: ModelMetadata,
    progress: Progress,
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


def _compared(
    settings: ConversionSettings,
    network: SegmentationNetwork,
    model: onnx.ModelProto,
    metadata: ModelMetadata,
    items: list[Item],
    source: str,
    progress: Progress,
) -> Parity:
    content = file_content(model, metadata)
    engine: Engine | None = None
    file = model_file_from_content(content, Path(settings.output))
    if settings.verify_engine == 'tensorrt':
        # Imported here: a workstation without a GPU converts too.
        from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine

        engine = TensorRtEngine(file, TensorRtOptions(finish='host'))
        infer, name = engine_inference(engine), f'TensorRT on {engine.device}'
    elif settings.verify_engine == 'openvino':
        from rtseg_ros.runtime.openvino.engine import OpenVinoEngine

        # The file is judged, not what a CPU makes of it; and it is not yet what a node will load.
        with tempfile.TemporaryDirectory() as folder:
            options = OpenVinoOptions(precision='fp32', cache_folder=folder)
            engine = OpenVinoEngine(file, options)
        infer, name = engine_inference(engine), f'OpenVINO on {engine.device}, {engine.precision}'
    else:
        infer = onnxruntime_inference(content)
        name = f'ONNX Runtime {onnxruntime.__version__} on the CPU'
    try:
        return compare(
            network,
            infer,
            metadata,
            items,
            engine=name,
            source=source,
            tolerance=settings.tolerance or TOLERANCES[settings.precision],
            progress=lambda done, total: progress('comparing with torch', done, total),
        )
    finally:
        if engine is not None:
            engine.close()


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


def _extra(parity: Parity, notes: list[str]) -> dict[str, Any]:
    return {
        'parity': parity.to_dict(),
        'notes': notes,
        'opset': OPSET,
        'versions': {
            'rtseg_ros': __version__,
            'torch': str(torch.__version__),
            'onnx': onnx.__version__,
        },
    }
