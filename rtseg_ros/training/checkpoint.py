"""Training checkpoints: all that is needed to continue, repeat or convert a run."""

from collections.abc import Mapping
import io
from pathlib import Path
from typing import Any

import torch

from rtseg_ros.errors import TrainingError
from rtseg_ros.output_files import replace_files

FORMAT = 'rtseg_ros training checkpoint 1'


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write atomically: a kill at any moment leaves the old file or the new one."""
    buffer = io.BytesIO()
    torch.save({'format': FORMAT, **content}, buffer)
    replace_files({path: buffer.getvalue()})


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours; only tensors and plain types are unpickled.

    Raises:
        TrainingError: If the file is not such a checkpoint.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a broken file
        raise TrainingError(f'{path} is not a readable checkpoint: {error}') from error
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise TrainingError(f'{path} was not written by rtseg train')
    return content
