"""What a model file says of itself, in plain types."""

import json
from typing import Any

from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path


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
        **facts,
    }
