# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Turn a torch network into an ONNX graph that takes camera frames and returns labels."""

import io
import warnings

import onnx
import torch

from rtseg_ros import __version__
from rtseg_ros.conversion.passes.batch_norm import fold_batch_norms
from rtseg_ros.conversion.passes.edit import (
    BODY_INPUT,
    LOGITS,
    checked,
    fold_constants,
    omit_empty_inputs,
    remove_unused,
)
from rtseg_ros.conversion.passes.ends import append_labels, prepend_input
from rtseg_ros.errors import ConversionError, NetworkError
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import ModelMetadata

OPSET = 17


def export_network(network: SegmentationNetwork, metadata: ModelMetadata) -> onnx.ModelProto:
    """Export in float32, preprocessing and labelling included.

    Args:
        network: With its trained weights; put into eval mode.
        metadata: What the file will say about itself; input size, normalisation and the
            unlabelled output are taken from it.

    Returns:
        A checked graph: uint8 ``image`` (1, H, W, 3) BGR to float32 ``logits`` (1, K, h, w)
        at the decoder's stride and uint8 ``labels`` (1, H, W).

    Raises:
        ConversionError: If the network cannot be expressed in ONNX at this size.
    """
    model = _body(network, metadata.preprocessing.size_hw)
    fold_constants(model)
    omit_empty_inputs(model.graph)
    fold_batch_norms(model.graph)
    prepend_input(model.graph, metadata.preprocessing)
    append_labels(model.graph, metadata, opset=OPSET)
    remove_unused(model.graph)
    model.producer_name, model.producer_version = 'rtseg_ros', __version__
    return checked(model)


@torch.no_grad()
def _body(network: SegmentationNetwork, size_hw: tuple[int, int]) -> onnx.ModelProto:
    """Export normalised image (1, 3, H, W) -> logits at the decoder's stride."""

    class CoarseLogits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network.coarse_logits(image)

    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Fixed sizes are meant: the tracer warns of each one. The exporter that replaces
            # this one cannot write opset 17.
            warnings.simplefilter('ignore')
            torch.onnx.export(
                CoarseLogits().eval(),
                (torch.zeros(1, 3, *size_hw),),
                buffer,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=[BODY_INPUT],
                output_names=[LOGITS],
            )
    except NetworkError:
        raise
    except Exception as error:  # the exporter raises many unrelated types
        raise ConversionError(
            f'{type(network).__name__} cannot be exported at {size_hw[0]}x{size_hw[1]}: {error}'
        ) from error
    model = onnx.load_from_string(buffer.getvalue())
    # The exporter leaves a size open where it did not follow how it is computed.
    shape = network.coarse_logits(torch.zeros(1, 3, *size_hw)).shape
    output = model.graph.output[0].type.tensor_type
    output.ClearField('shape')
    for side in shape:
        output.shape.dim.add().dim_value = side
    return model
