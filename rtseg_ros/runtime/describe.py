# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a model file says of itself, in plain types."""

import json
from typing import Any

from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import DEFAULT_MODEL, model_path, shipped_models


def describe(name_or_path: str) -> dict[str, Any]:
    """Return facts of a model file in plain types; needs no torch.

    Args:
        name_or_path: Path of the .onnx, or shipped name.

    Raises:
        ModelFileError: If there is none, or it is not of this package.
    """
    model = read_model_file(model_path(name_or_path))
    facts = json.loads(model.metadata.to_json())
    del facts['format']
    labels = facts.pop('labels')
    return {
        'file': str(model.path),
        'bytes': len(model.content),
        'sha256': model.sha256,
        'input': f'{model.input.dtype} {model.input.shape}',
        'outputs': {name: f'{spec.dtype} {spec.shape}' for name, spec in model.outputs.items()},
        'classes': [entry['name'] for entry in labels['classes']],
        'colors': [entry['color'] for entry in labels['classes']],
        **facts,
    }


def describe_shipped() -> list[dict[str, Any]]:
    """Return of each shipped model what one chooses by: network, sizes, classes, accuracy."""
    rows = []
    for name in shipped_models():
        facts = describe(name)
        accuracy = facts['accuracy']
        rows.append(
            {
                'name': name,
                'default': name == DEFAULT_MODEL,
                'network': facts['network'],
                'precision': facts['precision'],
                'size_hw': facts['preprocessing']['size_hw'],
                'classes': facts['classes'],
                'bytes': facts['bytes'],
                'miou': accuracy.get('miou'),
                'data': accuracy.get('data'),
                'licence': facts['licence'],
            }
        )
    return rows
