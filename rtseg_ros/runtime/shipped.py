# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The models that come with the package, by name; imports nothing heavy."""

from pathlib import Path

from rtseg_ros.errors import ModelFileError

SHIPPED_MODELS = Path(__file__).parent.parent / 'models'
DEFAULT_MODEL = 'swiftnet_mnv2_camvid'


def shipped_models() -> list[str]:
    """Return the names of the shipped models."""
    return sorted(path.stem for path in SHIPPED_MODELS.glob('*.onnx'))


def model_path(name_or_path: str | Path) -> Path:
    """Return the file of a shipped model by its name, or the path as given.

    Raises:
        ModelFileError: If neither is there, naming the shipped ones.
    """
    file = SHIPPED_MODELS / f'{name_or_path}.onnx'
    if str(name_or_path) and file.is_file():
        return file
    path = Path(name_or_path)
    if not str(name_or_path) or not path.exists():
        what = f"there is no model '{name_or_path}'" if str(name_or_path) else 'no model is named'
        shipped = ', '.join(shipped_models())
        others = (
            f', or one that is shipped: {shipped}'
            if shipped
            else '; this installation was built without models (RTSEG_WITHOUT_MODELS)'
        )
        raise ModelFileError(
            f'{what}; give the path of a .onnx file made by rtseg convert{others}'
        )
    return path
