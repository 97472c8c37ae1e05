# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which file holds the weights, and what a file is that holds none, by its first bytes."""

from pathlib import Path

from rtseg_ros.errors import CheckpointError

# What libraries call the weights in a model folder, the safest first.
FOLDER_FILES = ('model.safetensors', 'pytorch_model.bin', 'diffusion_pytorch_model.safetensors')
_FROM_TRAINING = 'give the training checkpoint that it was made from'
# First bytes, what such a file is, and what to do.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b'\x1f\x8b', 'is packed with gzip; unpack it (tar -xzf or gunzip) and give the file in it'),
    (b'BZh', 'is packed with bzip2; unpack it (tar -xjf) and give the file in it'),
    (b'\xfd7zXZ\x00', 'is packed with xz; unpack it (tar -xJf) and give the file in it'),
    (b'7z\xbc\xaf\x27\x1c', 'is packed with 7-Zip; unpack it and give the file in it'),
    (
        b'\x89HDF\r\n\x1a\n',
        'is an HDF5 file (Keras or Caffe), not weights of torch; export that model to ONNX where '
        'it was made',
    ),
    (b'ptrt', f'is a TensorRT engine, which holds for one GPU and one version; {_FROM_TRAINING}'),
    (b'ftrt', f'is a TensorRT engine, which holds for one GPU and one version; {_FROM_TRAINING}'),
    (b'version https://git-lfs', 'is a Git LFS pointer, not the weights; fetch them with '
     "'git lfs pull'"),
)  # fmt: skip


def weights_file(path: Path) -> Path:
    """Return the file of the weights: the path itself, or what a model folder has.

    Raises:
        CheckpointError: If it is a folder without one.
    """
    if not path.is_dir():
        return path
    for name in FOLDER_FILES:
        if (path / name).is_file():
            return path / name
    parts = sorted(item.name for item in path.glob('*.index.json'))
    inside = sorted(item.name for item in path.iterdir())
    if parts:
        what = f'keeps its weights in several files ({parts[0]}); save them again as one'
    else:
        what = (
            f'has none of {", ".join(FOLDER_FILES)} in it (it has '
            f'{", ".join(inside[:5]) or "nothing"}); give the path of the file with the weights'
        )
    raise CheckpointError(f"'{path}' is a folder that {what}")


def refuse_other_files(path: Path, start: bytes) -> None:
    """Refuse what is no checkpoint, in words that say what it is.

    Args:
        path: For the message; its name decides nothing.
        start: The first bytes, 512 if it has them.

    Raises:
        CheckpointError: If the file is known to be something else.
    """
    problem = _problem(path, start)
    if problem:
        raise CheckpointError(f"'{path}' {problem}")


def looks_like_onnx(start: bytes) -> bool:
    """Tell an ONNX file by its first fields: the version, and a text or the graph."""
    return len(start) > 2 and start[0] == 0x08 and 1 <= start[1] <= 32 and start[2] in (
        0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42,
    )  # fmt: skip


def is_safetensors(start: bytes) -> bool:
    """Tell a safetensors file: the length of a JSON object, at most 100 MB, then that."""
    return start[8:9] == b'{' and int.from_bytes(start[:8], 'little') <= 100_000_000


def _problem(path: Path, start: bytes) -> str:
    if not start:
        return 'is empty; copy or download it again'
    if start.lstrip().lower().startswith((b'<!doctype', b'<html', b'<?xml')):
        return (
            'is a web page, not weights: the download gave a page (a log-in, a quota or a '
            '"not found") instead of the file; download it again and look at its size'
        )
    for first, what in _STARTS:
        if start.lstrip().startswith(first) or start.startswith(first):
            return what
    if start[257:262] == b'ustar':
        if start.startswith((b'sys_info', b'./sys_info', b'pickle', b'storages')):
            return 'is of a torch older than 0.2; open it with torch.load there and save it again'
        return 'is a tar archive; unpack it (tar -xf) and give the file in it'
    if start[4:8] == b'TFL3':
        return f'is a TensorFlow Lite model, not weights of torch; {_FROM_TRAINING}'
    if looks_like_onnx(start):
        return f'is an ONNX model, not a checkpoint; {_FROM_TRAINING}'
    return ''
