# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Weights that lie beside a .onnx file: read only as plain files of the model's own folder."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from rtseg_ros.errors import ConversionError


def load_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Put the weights that lie beside a model into it, in place.

    Args:
        model: As parsed, with references to files.
        path: Of the .onnx file.

    Raises:
        ConversionError: If a reference leads out of the model's folder, to something that is
            no plain file, or past the file's end.
    """
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get('location', '')
        what = f"'{path}': the weights '{tensor.name}' lie in '{location}'"
        file = _file(path.parent, location, what)
        offset, length = (_number(entries.get(key, ''), what) for key in ('offset', 'length'))
        offset, size = offset or 0, file.stat().st_size
        length = size - offset if length is None else length
        if offset + length > size or length < 0:
            raise ConversionError(
                f'{what} from byte {offset} to {offset + length}, but it ends at {size}; copy '
                'both files again, they must be of one export'
            )
        with file.open('rb') as opened:
            opened.seek(offset)
            tensor.raw_data = opened.read(length)
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT


def _file(folder: Path, location: str, what: str) -> Path:
    if not location or Path(location).is_absolute() or '..' in Path(location).parts:
        raise ConversionError(
            f"{what}; only files in the model's own folder are read: export it again"
        )
    file = folder
    for part in Path(location).parts:
        file /= part
        if file.is_symlink():
            raise ConversionError(f'{what}, which is a link; put the file itself there')
    if not file.is_file():
        raise ConversionError(
            f'{what}, which is not a file there; copy it into the same folder, under that name'
        )
    return file


def _number(text: str, what: str) -> int | None:
    if text and not text.isdecimal():
        raise ConversionError(f"{what} at '{text}', which is no position; export it again")
    return int(text) if text else None


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor: initializers, and those that nodes carry, in subgraphs too."""
    for function in model.functions:
        yield from _in_nodes(function.node)
    yield from _in_graph(model.graph)


def _in_graph(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _in_nodes(graph.node)


def _in_nodes(nodes) -> Iterator[TensorProto]:  # type: ignore[no-untyped-def]
    for node in nodes:
        for item in node.attribute:
            if item.HasField('t'):
                yield item.t
            yield from item.tensors
            for graph in (*([item.g] if item.HasField('g') else []), *item.graphs):
                yield from _in_graph(graph)
