# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The exported graph: contract, exactness, and what TensorRT accepts."""

import numpy as np
import onnx
from onnx import numpy_helper
import onnxruntime as ort
import pytest
from random_frames import smooth_frame
import torch
from torch import nn

from rtseg_ros.conversion.export import export_network
from rtseg_ros.conversion.finishing import file_content
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.errors import ConversionError, NetworkError
from rtseg_ros.labels import LabelSet
from rtseg_ros.networks import list_networks
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import FINISH_PREFIX, model_file_from_content
from rtseg_ros.runtime.preprocess import image_from_frame

pytestmark = pytest.mark.export

# Operators that compute sizes at run time, which TensorRT does without.
COMPUTED = {'Shape', 'ConstantOfShape', 'Range', 'NonZero', 'Loop', 'If', 'Expand'}


def run(content, frame, *outputs):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    return session.run(list(outputs), {'image': frame[None]})


def fast(model, metadata):
    use_fast_operators(model)
    return model, file_content(model, metadata)


@pytest.mark.parametrize('name', list_networks())
def test_every_network(name, exported, network, metadata):
    built = network(name)
    described = metadata(name, size_hw=(70, 100), align_corners=built.align_corners)
    model, content = fast(exported(name, odd=True), described)
    nodes = [node for node in model.graph.node if node.op_type != 'Constant']
    assert [node.op_type for node in nodes[:4]] == ['Cast', 'Transpose', 'Mul', 'Add']
    assert nodes[0].input[0] == 'image'
    assert not COMPUTED & {node.op_type for node in nodes}
    assert [item.version for item in model.opset_import if not item.domain] == [17]
    assert model.ir_version == 8
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)
    assert not any(0 in t.dims for t in model.graph.initializer)  # an omitted input has no name
    # TensorRT makes bytes of floats only.
    assert nodes[-1].output == ['labels']
    assert nodes[-2].op_type == 'Cast'
    assert nodes[-2].attribute[0].i == onnx.TensorProto.FLOAT

    file = model_file_from_content(content, 'x.onnx')
    assert (file.input.name, file.input.dtype) == ('image', 'uint8')
    assert file.input.shape == (1, 70, 100, 3)
    assert file.outputs['labels'].shape == (1, 70, 100)
    side = (-(-70 // built.stride), -(-100 // built.stride))
    assert file.outputs['logits'].shape == (1, 11, *side)

    frame = smooth_frame(0, (70, 100))
    logits, labels = run(content, frame, 'logits', 'labels')
    with torch.no_grad():
        image = torch.from_numpy(image_from_frame(frame, described.preprocessing))
        coarse, full = built.coarse_logits(image).numpy(), built(image)[0].numpy()
    assert len(np.unique(labels)) > 1
    assert np.abs(logits - coarse).max() < 5e-4 * coarse.std()
    wrong = labels[0] != full.argmax(axis=0)
    best = np.sort(full, axis=0)
    assert (best[-1] - best[-2])[wrong].max(initial=0) < 1e-3 * full.std()  # ties only
    assert wrong.mean() < 1e-3


def test_logits_only(exported, metadata):
    """The finishing nodes and their constants go, the logits stay bit for bit."""
    _, content = fast(exported(), metadata())
    bare = model_file_from_content(content, 'x.onnx').logits_only()
    model = onnx.load_from_string(bare)
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == ['logits']
    whole = onnx.load_from_string(content)
    finishing = [n for n in whole.graph.node if n.name.startswith(FINISH_PREFIX)]
    assert [node.op_type for node in finishing] == ['Resize', 'ArgMax', 'Cast', 'Cast']
    kept = {node.name for node in model.graph.node}
    assert kept == {node.name for node in whole.graph.node} - {node.name for node in finishing}
    assert not any('finish' in tensor.name for tensor in model.graph.initializer)
    frame = smooth_frame(0, (64, 96))
    np.testing.assert_array_equal(run(bare, frame, 'logits')[0], run(content, frame, 'logits')[0])


def test_full_size_logits_need_no_interpolation(exported, metadata):
    model, content = fast(exported('espnet'), metadata('espnet'))
    finishing = [n.op_type for n in model.graph.node if n.name.startswith(FINISH_PREFIX)]
    assert finishing == ['ArgMax', 'Cast', 'Cast']
    logits, labels = run(content, smooth_frame(0, (64, 96)), 'logits', 'labels')
    np.testing.assert_array_equal(logits.argmax(axis=1), labels)


@pytest.mark.parametrize('which', ['first', 'middle', 'last'])
@pytest.mark.parametrize('name', ['espnet', 'swiftnet_mnv2'])
def test_an_unlabelled_output(name, which, network, metadata):
    """Labels say 255 there and count the classes on; the logits keep all outputs."""
    built = network(name, 12)
    frame = smooth_frame(0, (64, 96))
    with torch.no_grad():
        image = torch.from_numpy(image_from_frame(frame, metadata().preprocessing))
        outputs = built(image).argmax(dim=1).numpy()
    seen = np.unique(outputs)
    index = int(seen[{'first': 0, 'middle': len(seen) // 2, 'last': -1}[which]])
    described = metadata(name, unlabelled_output=index)
    model, content = fast(export_network(built, described), described)
    logits, labels = run(content, frame, 'logits', 'labels')
    assert logits.shape[1] == 12
    expected = np.where(outputs == index, 255, outputs - (outputs > index))
    (table,) = (t for t in model.graph.initializer if t.name == f'{FINISH_PREFIX}table')
    assert table.data_type == onnx.TensorProto.FLOAT
    assert len(seen) > 2
    assert (labels != expected).mean() < 1e-3


class Bordered(SegmentationNetwork):
    """Two convolutions that pad with zeros, so that borders show how the input was folded."""

    def __init__(self, num_classes=3, *, concatenates=False):
        super().__init__(num_classes)
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 5, padding=2)
        self.second = nn.Conv2d(11 if concatenates else 8, num_classes, 3, padding=1)
        self.concatenates = concatenates

    def decode(self, image):
        x = torch.relu(self.first(image))
        return self.second(torch.cat([x, image], dim=1) if self.concatenates else x)


THREE = LabelSet('three', ('a', 'b', 'c'), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
@pytest.mark.parametrize('concatenates', [False, True])
def test_borders_and_channel_order_are_exact(order, concatenates, metadata):
    """A white frame on black would betray a mean folded into weights that pad with zeros."""
    network = Bordered(concatenates=concatenates).eval()
    described = metadata('bordered', channel_order=order, labels=THREE)
    model = export_network(network, described)
    frame = smooth_frame(0, (64, 96))
    frame[0], frame[:, -1], frame[-1] = 255, (255, 0, 30), (0, 200, 90)
    (logits,) = run(file_content(model, described), frame, 'logits')
    with torch.no_grad():
        image = torch.from_numpy(image_from_frame(frame, described.preprocessing))
        expected = network(image).numpy()
    gap = np.abs(logits - expected)[0].max(axis=0)
    inside, border = gap[3:-3, 3:-3].max(), gap.max()
    assert border < 1e-5
    assert border <= 4 * inside + 1e-6  # no worse at the border
    gathers = [node for node in model.graph.node if node.op_type == 'Gather']
    # RGB is had by reversing the first weights, unless something else sees the channels too.
    assert len(gathers) == (order == 'rgb' and concatenates)


def test_normalisation_gives_the_bits_of_image_from_frame(metadata):
    described = metadata('bordered', channel_order='rgb', labels=THREE)
    model = export_network(Bordered(concatenates=True).eval(), described)
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info('normalised', onnx.TensorProto.FLOAT, None)
    )
    frame = smooth_frame(0, (64, 96))
    (image,) = run(model.SerializeToString(), frame, 'normalised')
    np.testing.assert_array_equal(image, image_from_frame(frame, described.preprocessing))


def test_shared_first_weights_are_reversed_once(exported, network, metadata):
    """The pyramid runs one encoder on three scales; a double reversal would undo itself."""
    built = network('swiftnet_rn18_pyr')
    described = metadata('swiftnet_rn18_pyr', channel_order='rgb')
    model, content = fast(exported('swiftnet_rn18_pyr'), described)
    assert not [node for node in model.graph.node if node.name.startswith('input/gather')]
    frame = smooth_frame(0, (64, 96))
    frame[:, :, 0] = 0  # blue and red differ
    (logits,) = run(content, frame, 'logits')
    with torch.no_grad():
        image = torch.from_numpy(image_from_frame(frame, described.preprocessing))
        expected = built.coarse_logits(image).numpy()
    assert np.abs(logits - expected).max() < 5e-4 * expected.std()


def test_impossible_sizes_are_refused(network, metadata):
    with pytest.raises(NetworkError, match='the nearest size'):
        export_network(network('lednet'), metadata('lednet', size_hw=(8, 8)))


class Unexportable(Bordered):
    def decode(self, image):
        return torch.special.i1(self.first(image))[:, :3]


def test_what_onnx_cannot_say_is_refused(metadata):
    with pytest.raises(ConversionError, match='Unexportable cannot be exported at 64x96'):
        export_network(Unexportable().eval(), metadata('x', labels=THREE))


def test_metadata_replace_older_ones(exported, metadata):
    model, content = fast(exported('espnet'), metadata('espnet'))
    again = file_content(onnx.load_from_string(content), metadata('linknet'))
    properties = onnx.load_from_string(again).metadata_props
    assert len(properties) == 1
    assert model_file_from_content(again, 'x.onnx').metadata.network == 'linknet'
    assert content == file_content(model, metadata('espnet'))  # the same input, the same bytes


def test_weights_are_single_precision(exported, metadata):
    model, _ = fast(exported('espnet'), metadata('espnet'))
    kinds = {numpy_helper.to_array(tensor).dtype for tensor in model.graph.initializer}
    assert np.dtype(np.float64) not in kinds
