# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What flows through a model on real frames: the ranges that eight-bit numbers must cover."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper
import onnxruntime as ort

from rtseg_ros.conversion.passes.edit import set_constant
from rtseg_ros.progress import Counted

_BINS = 2048
# Values looked at per channel and frame; more would only cost memory.
_SAMPLES = 1024
LEVELS = 127
_PREFIX = 'calibration/'


@dataclass(frozen=True)
class Range:
    """Values of one tensor on the calibration frames.

    Attributes:
        lowest: Smallest value.
        largest: Largest magnitude.
        histogram: Counts of magnitudes in equal steps from 0 to ``largest``.
    """

    lowest: float
    largest: float
    histogram: np.ndarray

    def scale(self) -> float:
        """Step between two of the 127 levels that loses least, in mean square."""
        centres = (np.arange(_BINS) + 0.5) * (self.largest / _BINS)
        best, least = self.largest / LEVELS, np.inf
        for share in np.linspace(0.2, 1.0, 81):
            step = share * self.largest / LEVELS
            restored = np.minimum(np.round(centres / step), LEVELS) * step
            loss = float((self.histogram * (restored - centres) ** 2).sum())
            if loss < least:
                best, least = step, loss
        return best


def measured_ranges(
    model: onnx.ModelProto,
    names: Sequence[str],
    frames: Sequence[Callable[[], np.ndarray]],
    progress: Counted,
) -> dict[str, Range]:
    """Run a float model and look at some of its tensors.

    Args:
        model: From ``export_network``.
        names: Tensors, (1, C, H, W) or of any other shape.
        frames: Read uint8 (1, H, W, 3) input; each is called twice.
        progress: Called with runs done and in all.
    """
    session = _probe(model, names)
    total = 2 * len(frames)
    largest = np.zeros(len(names))
    lowest = np.zeros(len(names))
    for number, frame in enumerate(frames):
        progress(number, total)
        for index, value in enumerate(session.run(None, {'image': frame()})):
            lowest[index] = min(lowest[index], float(value.min()))
            largest[index] = max(largest[index], float(np.abs(value).max()))
    largest = np.maximum(largest, 1e-6)  # a tensor that is always zero still needs a scale
    counts = np.zeros((len(names), _BINS), np.int64)
    for number, frame in enumerate(frames):
        progress(len(frames) + number, total)
        for index, value in enumerate(session.run(None, {'image': frame()})):
            bins = np.abs(value).ravel() * (_BINS / largest[index])
            counts[index] += np.bincount(
                np.minimum(bins.astype(np.int64), _BINS - 1), minlength=_BINS
            )
    progress(total, total)
    return {
        name: Range(float(lowest[i]), float(largest[i]), counts[i]) for i, name in enumerate(names)
    }


def _probe(model: onnx.ModelProto, names: Sequence[str]) -> ort.InferenceSession:
    """Return a session whose outputs are the tensors, thinned out."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    graph = probe.graph
    shapes = static_shapes(model)
    del graph.output[:]
    for index, name in enumerate(names):
        shape, output = shapes.get(name, []), f'{_PREFIX}{index}'
        # Positions lie behind the channels in images, before them in lists of tokens.
        thinned = [2, 3] if len(shape) == 4 else list(range(1, len(shape) - 1))
        if not thinned:
            graph.node.append(helper.make_node('Identity', [name], [output]))
        else:
            positions = float(np.prod([shape[axis] for axis in thinned]))
            step = max(1, int((positions / _SAMPLES) ** (1 / len(thinned))))
            parts = {'ends': np.iinfo(np.int64).max, 'starts': 0, 'steps': step}
            bounds = {
                part: set_constant(
                    graph, f'{output}/{part}', np.full(len(thinned), value, np.int64)
                )
                for part, value in parts.items()
            }
            axes = set_constant(graph, f'{output}/axes', np.array(thinned, np.int64))
            inputs = [name, bounds['starts'], bounds['ends'], axes, bounds['steps']]
            graph.node.append(helper.make_node('Slice', inputs, [output]))
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    return probe_session(probe)


def probe_session(model: onnx.ModelProto) -> ort.InferenceSession:
    """Load a graph that is looked into; silent on what is left over in it."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )


def float_tensors(model: onnx.ModelProto) -> set[str]:
    """Return the names of the tensors of float32 that a node writes."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    return {
        info.name
        for info in (*inferred.input, *inferred.value_info, *inferred.output)
        if info.type.tensor_type.elem_type == TensorProto.FLOAT
    }


def static_shapes(model: onnx.ModelProto) -> Mapping[str, list[int]]:
    """Return the shape of every tensor that a node writes."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    return {
        info.name: [dimension.dim_value for dimension in info.type.tensor_type.shape.dim]
        for info in (*inferred.input, *inferred.value_info, *inferred.output)
    }
