"""Turn a torch network into an ONNX graph that takes camera frames and returns labels."""

import io
from typing import Any
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper
import torch

from rtseg_ros import __version__
from rtseg_ros.conversion.passes.batch_norm import fold_batch_norms
from rtseg_ros.conversion.passes.edit import (
    BODY_INPUT,
    INPUT_PREFIX,
    LOGITS,
    checked,
    fold_constants,
    omit_empty_inputs,
    remove_unused,
    reverse_input_channels,
    set_constant,
)
from rtseg_ros.errors import ConversionError, NetworkError
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import FINISH_PREFIX, METADATA_KEY, ModelMetadata, output_table
from rtseg_ros.runtime.preprocess import Preprocessing, factor_and_offset

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
    _prepend_input(model.graph, metadata.preprocessing)
    _append_labels(model.graph, metadata)
    remove_unused(model.graph)
    model.producer_name, model.producer_version = 'rtseg_ros', __version__
    return checked(model)


def file_content(model: onnx.ModelProto, metadata: ModelMetadata) -> bytes:
    """Return the bytes of a model file with these metadata, any older ones replaced."""
    stamped = onnx.ModelProto()
    stamped.CopyFrom(model)
    helper.set_model_props(stamped, {METADATA_KEY: metadata.to_json()})
    return stamped.SerializeToString(deterministic=True)


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
    return onnx.load_from_string(buffer.getvalue())


def _prepend_input(graph: onnx.GraphProto, preprocessing: Preprocessing) -> None:
    """Put Cast, Transpose and normalisation before the network.

    The normalisation stays a node of its own: folded into the first convolution it would be
    wrong where that one pads with zeros, which mean the mean colour and not black. The order
    of channels can be folded: padding looks the same in every order.
    """
    factor, offset = factor_and_offset(preprocessing)
    is_rgb = preprocessing.channel_order == 'rgb'
    step = -1 if is_rgb else 1  # the frame is BGR
    # Transposed first: ONNX Runtime scales three planes much faster than pixels of three values.
    names = [
        set_constant(graph, f'{INPUT_PREFIX}{name}', value[::step].reshape(3, 1, 1))
        for name, value in (('factor', factor), ('offset', offset))
    ]
    nodes = [
        _node(INPUT_PREFIX, 'Cast', ['image'], 'floats', to=TensorProto.FLOAT),
        _node(INPUT_PREFIX, 'Transpose', [f'{INPUT_PREFIX}floats'], 'planes', perm=[0, 3, 1, 2]),
        _node(INPUT_PREFIX, 'Mul', [f'{INPUT_PREFIX}planes', names[0]], 'scaled'),
        _node(INPUT_PREFIX, 'Add', [f'{INPUT_PREFIX}scaled', names[1]], 'centred'),
    ]
    if is_rgb and not reverse_input_channels(graph, BODY_INPUT):
        order = set_constant(graph, f'{INPUT_PREFIX}order', np.array([2, 1, 0], np.int64))
        nodes.append(
            _node(INPUT_PREFIX, 'Gather', [f'{INPUT_PREFIX}centred', order], 'rgb', axis=1)
        )
    nodes[-1].output[0] = BODY_INPUT
    body = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*nodes, *body])
    height, width = preprocessing.size_hw
    graph.input.append(
        helper.make_tensor_value_info('image', TensorProto.UINT8, [1, height, width, 3])
    )


def _append_labels(graph: onnx.GraphProto, metadata: ModelMetadata) -> None:
    """Put interpolation, argmax and the unlabelled output behind the logits."""
    height, width = metadata.preprocessing.size_hw
    nodes, scores = [], LOGITS
    shape = [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim]
    if shape[2:] != [height, width]:
        size = np.array([1, shape[1], height, width], np.int64)
        mode = 'align_corners' if metadata.align_corners else 'half_pixel'
        nodes.append(
            _node(
                FINISH_PREFIX,
                'Resize',
                [scores, '', '', set_constant(graph, f'{FINISH_PREFIX}size', size)],
                'scores',
                mode='linear',
                coordinate_transformation_mode=mode,
            )
        )
        scores = f'{FINISH_PREFIX}scores'
    nodes.append(_node(FINISH_PREFIX, 'ArgMax', [scores], 'outputs', axis=1, keepdims=0))
    index, table = f'{FINISH_PREFIX}outputs', output_table(metadata)
    # Through float32: the only numbers that every TensorRT turns into bytes.
    if table is None:
        to_float = _node(FINISH_PREFIX, 'Cast', [index], 'classes', to=TensorProto.FLOAT)
    else:
        values = set_constant(graph, f'{FINISH_PREFIX}table', table[: shape[1]].astype(np.float32))
        to_float = _node(FINISH_PREFIX, 'Gather', [values, index], 'classes', axis=0)
    to_bytes = helper.make_node(
        'Cast', [f'{FINISH_PREFIX}classes'], ['labels'], f'{FINISH_PREFIX}labels',
        to=TensorProto.UINT8,
    )  # fmt: skip
    nodes += [to_float, to_bytes]
    graph.node.extend(nodes)
    graph.output.append(
        helper.make_tensor_value_info('labels', TensorProto.UINT8, [1, height, width])
    )


def _node(
    prefix: str, op_type: str, inputs: list[str], output: str, **attributes: Any
) -> onnx.NodeProto:
    return helper.make_node(
        op_type, inputs, [prefix + output], name=f'{prefix}{op_type.lower()}', **attributes
    )
