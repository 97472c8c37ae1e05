# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A foreign model as the draft of a model file of ours."""

from functools import partial

import onnxruntime as ort

from rtseg_ros.conversion.finishing import Draft, versions
from rtseg_ros.conversion.foreign.gate import REFERENCE, compare_with_original
from rtseg_ros.conversion.foreign.importing import import_model
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError


def import_draft(settings: ConversionSettings) -> Draft:
    """Return the draft of a foreign .onnx file; needs no torch.

    Raises:
        ConversionError: As ``import_model``, and for settings that are for checkpoints only.
        LabelSetError: If there is no such label set.
    """
    if settings.verify_engine != 'onnxruntime':
        raise ConversionError(
            f"verify_engine is '{settings.verify_engine}': a foreign .onnx file is compared "
            'with the original in onnxruntime only; leave it out'
        )
    imported = import_model(settings)
    compared = partial(compare_with_original, imported, threshold=settings.threshold)
    extra = {
        'opset': imported.opset,
        'versions': versions(onnxruntime=ort.__version__),
        'imported': imported.decisions,
    }
    return Draft(
        imported.metadata,
        imported.notes,
        lambda: imported.model,
        compared,
        REFERENCE,
        extra,
        imported.body,
    )
