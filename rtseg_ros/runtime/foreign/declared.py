# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a .onnx file declares: read from its bytes, with nothing of it run or allocated."""

from collections.abc import Iterable
from dataclasses import dataclass
import hashlib
from pathlib import Path

from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.onnx_wire import TensorSpec

# What ONNX Runtime registers beside ONNX's own operators.
REGISTERED_DOMAINS = ('', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc')
_ONNX = ('', 'ai.onnx')


@dataclass(frozen=True)
class Declared:
    """A .onnx file, from outside.

    Attributes:
        path: Where it lies.
        size: In bytes.
        sha256: Of the whole file.
        inputs: Tensors that must be fed.
        outputs: Tensors that come out.
        properties: Its metadata.
        opset: Of ONNX's own operators; 0 if it says none.
        producer: Who wrote it, empty if it does not say.
        weight_files: Names of the files beside it that hold its weights.
        custom_operators: Those that ONNX Runtime does not have, as ``domain::operator``.
        other_operators: Those beyond ONNX's own that it has, likewise.
    """

    path: Path
    size: int
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    properties: dict[str, str]
    opset: int
    producer: str
    weight_files: tuple[str, ...]
    custom_operators: tuple[str, ...]
    other_operators: tuple[str, ...]


def declared(content: bytes, path: Path) -> Declared:
    """Read what a file declares.

    Raises:
        ValueError: If the bytes are no ONNX file.
    """
    found, body = wire.summary(content), wire.body(content)
    if not (found.inputs and found.outputs):
        raise ValueError('it has no inputs or no outputs')
    return Declared(
        path=path,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        inputs=tuple(found.inputs),
        outputs=tuple(found.outputs),
        properties=found.properties,
        opset=body.opset,
        producer=body.producer,
        weight_files=body.weight_files,
        custom_operators=custom_operators(body.operators),
        other_operators=_named(
            item
            for item in body.operators
            if item[0] in REGISTERED_DOMAINS and item[0] not in _ONNX
        ),
    )


def custom_operators(operators: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """Return the operators that ONNX Runtime does not have, as ``domain::operator``."""
    return _named(item for item in operators if item[0] not in REGISTERED_DOMAINS)


def _named(operators: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted(f'{domain}::{name}' for domain, name in operators))
