# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The torch network of a model file of ours: its trained weights, put back where they came from.

Exporting folds batch norms into convolutions. The norms of the network that comes back only add
what is left, so that it computes what the file does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import itertools

import numpy as np
import onnx
from onnx import numpy_helper
import torch
from torch import nn

from rtseg_ros.conversion.export import export_network
from rtseg_ros.conversion.passes.edit import constants
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.errors import ConversionError
from rtseg_ros.networks import create_network
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import ModelFile

_SHOWN = 3


@dataclass(frozen=True)
class _Pair:
    """Constants that stand in the same place of both graphs: a mark and the trained value.

    Of the bias of a norm that was not folded, also the scale beside it.
    """

    mark: np.ndarray
    value: np.ndarray
    scale: np.ndarray | None


@torch.no_grad()
def network_of_model(model: ModelFile) -> SegmentationNetwork:
    """Build the network that a model file was exported from, with the weights that it holds.

    A network whose parameters are all marks, random numbers, is exported in the same way. Where
    a mark comes out, the file holds the value of that parameter; where the sum of two biases
    does, the one takes the value and the other is zero.

    Args:
        model: A float32 model that ``rtseg convert`` made of a network of the zoo.

    Returns:
        The network in eval mode, equal to the file but for rounding.

    Raises:
        ConversionError: If the file is no such model, or sums up more than that.
    """
    if model.metadata.precision != 'fp32':
        raise ConversionError(
            f"'{model.path}' is {model.metadata.precision}, its weights are rounded; give the "
            'fp32 model'
        )
    network = create_network(model.metadata.network, model.num_outputs).eval()
    _mark(network)
    marks = {name: parameter.numpy().copy() for name, parameter in network.named_parameters()}
    for name in _norm_scales(network):
        del marks[name]
    exported = export_network(network, model.metadata)
    use_fast_operators(exported)
    weights = _values(marks, list(_pairs(exported.graph, model)))
    missing = sorted(set(marks) - set(weights))
    if missing:
        raise ConversionError(
            f"the weights of '{model.path}' cannot be put back into {model.metadata.network}: "
            f'{", ".join(missing[:_SHOWN])}{" and others" if len(missing) > _SHOWN else ""} '
            'do not stand in the file one by one; use the checkpoint it was converted from'
        )
    for name, parameter in network.named_parameters():
        if name in weights:
            parameter.copy_(torch.from_numpy(weights[name].copy()).reshape(parameter.shape))
    return network


def _mark(network: nn.Module) -> None:
    """Make all parameters random, and have norms scale by one."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.copy_(torch.rand(parameter.shape, generator=generator) + 2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.weight.fill_(1)
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)


def _norm_scales(network: nn.Module) -> list[str]:
    return [
        f'{name}.weight'
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]


def _pairs(exported: onnx.GraphProto, model: ModelFile) -> Iterator[_Pair]:
    graph = onnx.load_from_string(model.content).graph
    if [node.op_type for node in exported.node] != [node.op_type for node in graph.node]:
        raise ConversionError(
            f"'{model.path}' was exported by another version of this package, in which "
            f'{model.metadata.network} has other operators; convert its checkpoint again'
        )
    marked = {name: numpy_helper.to_array(item) for name, item in constants(exported).items()}
    real = {name: numpy_helper.to_array(item) for name, item in constants(graph).items()}
    for ours, theirs in zip(exported.node, graph.node, strict=True):
        scale = real[theirs.input[1]] if theirs.op_type == 'BatchNormalization' else None
        for name, other in zip(ours.input, theirs.input, strict=True):
            if name in marked and other in real and marked[name].shape == real[other].shape:
                yield _Pair(marked[name], real[other], scale)


def _values(marks: dict[str, np.ndarray], pairs: list[_Pair]) -> dict[str, np.ndarray]:
    """Return the value of every parameter whose mark is found."""
    found: dict[str, np.ndarray] = {}
    sums = []
    for pair in pairs:
        name = _parameter(marks, pair.mark)
        if name:
            found[name] = pair.value
            if pair.scale is not None:
                found[name.removesuffix('bias') + 'weight'] = pair.scale
            continue
        # The order of the channels is folded into the first convolution.
        name = _parameter(marks, pair.mark[:, ::-1]) if pair.mark.ndim == 4 else ''
        if name:
            found[name] = pair.value[:, ::-1]
        else:
            sums.append(pair)
    for pair in sums:
        left = {name: mark for name, mark in marks.items() if name not in found}
        for one, other in itertools.combinations(left, 2):
            if left[one].shape == left[other].shape and _same(pair.mark, left[one] + left[other]):
                found[one], found[other] = pair.value, np.zeros_like(pair.value)
                break
    return found


def _parameter(marks: dict[str, np.ndarray], values: np.ndarray) -> str:
    """Return the name of the parameter that has these values, empty if none has."""
    return next((name for name, mark in marks.items() if _same(values, mark)), '')


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.size == other.size and np.allclose(one.ravel(), other.ravel(), rtol=1e-5, atol=0)
