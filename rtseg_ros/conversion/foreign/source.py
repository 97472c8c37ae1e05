# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read somebody's .onnx file; nothing in it is run, and no file but its own is opened."""

from dataclasses import dataclass
import hashlib
from pathlib import Path

from google.protobuf.message import DecodeError
import onnx
import onnxruntime as ort

from rtseg_ros.conversion.foreign.external_data import load_external_data
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.foreign.declared import custom_operators
from rtseg_ros.runtime.foreign.table import OPSETS

# Values of one tensor; a street camera's scores have a hundredth of it.
_LARGEST = 2**31


@dataclass(frozen=True)
class Source:
    """A foreign model.

    Attributes:
        path: Where it was read from.
        sha256: Of the .onnx file.
        model: The whole of it, weights included; not to be changed.
        opset: Of ONNX's own operators.
        properties: Its metadata.
    """

    path: Path
    sha256: str
    model: onnx.ModelProto
    opset: int
    properties: dict[str, str]

    @property
    def inputs(self) -> list[onnx.ValueInfoProto]:
        """Return the inputs that must be fed."""
        stored = {tensor.name for tensor in self.model.graph.initializer}
        return [value for value in self.model.graph.input if value.name not in stored]


def read_source(path: str | Path) -> Source:
    """Read a foreign model and check that it can be looked at safely.

    Raises:
        ConversionError: If it is damaged, of another opset, or has operators, weights or sizes
            that cannot be used.
    """
    path = Path(path)
    content = path.read_bytes()
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise ConversionError(
            f"'{path}' is damaged ({error}); copy or download it again"
        ) from error
    versions = {entry.domain or 'ai.onnx': entry.version for entry in model.opset_import}
    opset = versions.get('ai.onnx', 0)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise ConversionError(
            f"'{path}' has opset {opset}; accepted: {OPSETS[0]} to {OPSETS[1]}. Export it again "
            'with opset_version=17'
        )
    _check_operators(content, path)
    load_external_data(model, path)
    _check_tensors(model, path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return Source(path, hashlib.sha256(content).hexdigest(), model, opset, properties)


def session(model: onnx.ModelProto, what: str) -> ort.InferenceSession:
    """Load a model into ONNX Runtime on the CPU.

    Raises:
        ConversionError: If ONNX Runtime cannot; ``what`` names the model.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=['CPUExecutionProvider']
        )
    except Exception as error:  # ONNX Runtime raises its own unrelated types
        raise ConversionError(f'ONNX Runtime cannot load {what}: {error}') from error


def _check_operators(content: bytes, path: Path) -> None:
    """Refuse operators that ONNX Runtime does not have, in subgraphs and functions too."""
    try:
        custom = custom_operators(wire.body(content).operators)
    except ValueError as error:
        raise ConversionError(f"'{path}' cannot be used: {error}") from error
    if custom:
        raise ConversionError(
            f"'{path}' uses the operator {', '.join(custom)}, which ONNX Runtime does not have; "
            'export the model without custom operators'
        )


def _check_tensors(model: onnx.ModelProto, path: Path) -> None:
    for tensor in model.graph.initializer:
        size = 1
        for side in tensor.dims:
            size *= side
        if size > _LARGEST or min(tensor.dims, default=0) < 0:
            raise ConversionError(
                f"'{path}': tensor '{tensor.name}' declares the shape {list(tensor.dims)}; at "
                f'most {_LARGEST} values are accepted'
            )
