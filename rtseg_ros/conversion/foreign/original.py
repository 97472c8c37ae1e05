# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the original file in ONNX Runtime, fed by NumPy: what the import is measured against."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort

from rtseg_ros.conversion.foreign.input_layout import InputLayout, fed_image
from rtseg_ros.conversion.foreign.output_layout import OutputLayout
from rtseg_ros.conversion.foreign.source import Source, session
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.preprocess import Preprocessing

# Values of one tensor; the scores of a 4K camera have a tenth of it.
_LARGEST = 2**31


class Original:
    """The foreign model as it came.

    Attributes:
        preprocessing: As the user declared it.
    """

    def __init__(
        self, source: Source, given: InputLayout, output: str, preprocessing: Preprocessing
    ) -> None:
        """Load it.

        Raises:
            ConversionError: If ONNX Runtime cannot, or a size in it is beyond all measure.
        """
        self.preprocessing = preprocessing
        self._given, self._output = given, output
        self._path = source.path
        _check_sizes(source, given, preprocessing.size_hw)
        self._session: ort.InferenceSession = session(source.model, f"'{source.path}'")

    def run(self, frame: np.ndarray, *, swapped: bool = False) -> np.ndarray:
        """Return the output for one frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            swapped: Feed the other channel order than declared.

        Raises:
            ConversionError: If the model fails at this size.
        """
        told = self.preprocessing
        if swapped:
            told = replace(told, channel_order='bgr' if told.channel_order == 'rgb' else 'rgb')
        image = fed_image(frame, self._given, told)
        try:
            (values,) = self._session.run([self._output], {self._given.name: image})
        except Exception as error:  # ONNX Runtime raises its own unrelated types
            height, width = told.size_hw
            raise ConversionError(
                f"'{self._path}' fails on an image of {height} x {width} (height x width): "
                f'{error}; give the --size-hw that it was trained with'
            ) from error
        return np.asarray(values)


def output_scores(values: np.ndarray, wanted: OutputLayout, threshold: float) -> np.ndarray:
    """Return scores (K, h, w), or class ids (h, w) where the output holds those."""
    if wanted.kind == 'labels':
        return wanted.planes(values)[0].astype(np.uint8)
    return wanted.scores(values, threshold)


def _check_sizes(source: Source, given: InputLayout, size_hw: tuple[int, int]) -> None:
    """Refuse a graph that declares or computes a tensor too large, before anything is run."""
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    for value in model.graph.input:
        if value.name == given.name:
            del value.type.tensor_type.shape.dim[:]
            for side in given.shape(size_hw):
                value.type.tensor_type.shape.dim.add().dim_value = side
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    for value in (*inferred.value_info, *inferred.output):
        size = 1
        for dimension in value.type.tensor_type.shape.dim:
            size *= dimension.dim_value or 1
        if size > _LARGEST:
            raise ConversionError(
                f"'{source.path}': '{value.name}' would hold {size} values; at most {_LARGEST} "
                'are accepted'
            )
