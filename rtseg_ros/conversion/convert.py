# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The whole conversion: what the file is, what becomes of it, and the checked result."""

from dataclasses import fields
from pathlib import Path

from rtseg_ros.conversion.finishing import Conversion, Draft, check_output, finished
from rtseg_ros.conversion.foreign.draft import import_draft
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.progress import Staged
from rtseg_ros.runtime.model_file import is_onnx

FOREIGN_OPTIONS = ('output_name', 'output_kind', 'threshold', 'align_corners')


def convert(settings: ConversionSettings, progress: Staged) -> Conversion:
    """Convert a checkpoint or a foreign .onnx file into a model file, with a report beside it.

    Args:
        settings: What to convert and how.
        progress: Told of each stage.

    Raises:
        CheckpointError: If the checkpoint cannot be read or does not fit the network.
        ParityError: If the model is not near enough to its source.
        RtsegError: If anything else does not fit. Nothing is written in any of these cases.
    """
    check_output(settings)
    progress('reading the checkpoint', 0, 1)
    return finished(settings, _draft(settings), progress)


def _draft(settings: ConversionSettings) -> Draft:
    if is_onnx(Path(settings.checkpoint)):
        return import_draft(settings)
    _refuse_foreign_options(settings)
    # Imported here: a foreign model is imported without torch.
    from rtseg_ros.conversion.task import checkpoint_draft

    return checkpoint_draft(settings)


def _refuse_foreign_options(settings: ConversionSettings) -> None:
    """Hold what only a foreign model has against a checkpoint."""
    for item in fields(settings):
        if item.name in FOREIGN_OPTIONS and getattr(settings, item.name) != item.default:
            raise ConversionError(
                f"{item.name} is for .onnx files, '{settings.checkpoint}' is none; leave it out"
            )
