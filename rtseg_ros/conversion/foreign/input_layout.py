# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a foreign model wants its image: number type, order of dimensions, size."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from rtseg_ros.conversion.foreign.source import Source
from rtseg_ros.conversion.passes.edit import consumers
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.preprocess import Preprocessing, resized_frame

_TYPES: dict[int, str] = {
    TensorProto.FLOAT: 'float32', TensorProto.FLOAT16: 'float16', TensorProto.UINT8: 'uint8'
}  # fmt: skip
# Height or width; no camera is larger.
_LARGEST_SIDE = 16384


@dataclass(frozen=True)
class InputLayout:
    """The only input of a model.

    Attributes:
        name: Of the tensor.
        dtype: ``float32``, ``float16`` or ``uint8``; uint8 is normalised inside of the model.
        channels_last: NHWC instead of NCHW.
        size_hw: Height and width as declared; 0 where free.
    """

    name: str
    dtype: str
    channels_last: bool
    size_hw: tuple[int, int]

    def shape(self, size_hw: tuple[int, int]) -> list[int]:
        """Return the shape of one image of a size."""
        return [1, *size_hw, 3] if self.channels_last else [1, 3, *size_hw]

    def describe(self) -> str:
        """Say it in a few words."""
        return f'{self.dtype} {"NHWC" if self.channels_last else "NCHW"}'


def input_layout(source: Source) -> InputLayout:
    """Tell the input of a model.

    Raises:
        ConversionError: If it has several, or takes no image of three channels.
    """
    inputs = source.inputs
    if len(inputs) != 1:
        names = ', '.join(value.name for value in inputs) or 'none'
        raise ConversionError(
            f"'{source.path}' has {len(inputs)} inputs ({names}); accepted: one, the image. "
            'Export it again with all others fixed'
        )
    (value,) = inputs
    tensor = value.type.tensor_type
    shape = [side.dim_value for side in tensor.shape.dim]
    found = f"'{source.path}': input '{value.name}' is {declared(value)}"
    if tensor.elem_type not in _TYPES or len(shape) != 4 or min(shape) < 0:
        raise ConversionError(
            f'{found}; accepted: float32, float16 or uint8, (N, 3, H, W) or (N, H, W, 3)'
        )
    if shape[0] not in (0, 1):
        raise ConversionError(f'{found}; export it again for a batch of one, or a free one')
    last = _channels_last(source, value.name, shape, found)
    size_hw = (shape[1], shape[2]) if last else (shape[2], shape[3])
    if max(size_hw) > _LARGEST_SIDE:
        raise ConversionError(f'{found}; at most {_LARGEST_SIDE} pixels a side are accepted')
    return InputLayout(value.name, _TYPES[tensor.elem_type], last, size_hw)


def _channels_last(source: Source, name: str, shape: list[int], found: str) -> bool:
    first, last = shape[1] == 3, shape[3] == 3
    if first != last:
        return last
    if not first and (shape[1], shape[3]) != (0, 0):
        raise ConversionError(f'{found}; a camera image has three channels')
    # Nothing declared: what reads the input says it.
    for node in consumers(source.model.graph).get(name, []):
        if node.op_type == 'Conv':
            return False
        if node.op_type == 'Transpose':
            return list(helper.get_attribute_value(node.attribute[0])) == [0, 3, 1, 2]
    if first:
        return False
    raise ConversionError(
        f'{found}, and its channels cannot be told; export it again with three channels fixed'
    )


def fed_image(frame: np.ndarray, layout: InputLayout, preprocessing: Preprocessing) -> np.ndarray:
    """Return what the original model is to be fed, by NumPy alone, from what the user declared.

    Shares nothing with the graph that is built, so that a mistake there shows.

    Args:
        frame: (H, W, 3) uint8 BGR.
        layout: Of the input.
        preprocessing: As declared; of a uint8 input only size and channel order count.

    Returns:
        One image in the layout and type of the input.
    """
    pixels = resized_frame(frame, preprocessing.size_hw).astype(np.float64)
    if preprocessing.channel_order == 'rgb':
        pixels = pixels[:, :, [2, 1, 0]]
    if layout.dtype != 'uint8':
        pixels = (pixels - preprocessing.mean) / preprocessing.std * preprocessing.scale
    image = pixels if layout.channels_last else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(image[None], dtype=np.dtype(layout.dtype))


def declared(value: onnx.ValueInfoProto) -> str:
    """Return type and shape of an input or output as the file declares them, for messages."""
    tensor = value.type.tensor_type
    sides = [str(side.dim_value or side.dim_param or '?') for side in tensor.shape.dim]
    known = tensor.elem_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(tensor.elem_type).lower() if known else 'unknown'
    kind = 'float32' if name == 'float' else name
    return f'{kind} ({", ".join(sides)})'
