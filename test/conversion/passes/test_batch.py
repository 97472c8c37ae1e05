# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A free batch: together as one by one, for every network and precision."""

import numpy as np
import onnx
import pytest
from random_frames import smooth_frame

from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.finishing import file_content
from rtseg_ros.conversion.passes.batch import free_batch
from rtseg_ros.conversion.passes.edit import checked
from rtseg_ros.conversion.passes.half import half_model
from rtseg_ros.conversion.passes.int8 import quantized_model
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.networks import list_networks
from rtseg_ros.runtime import Segmenter, load_segmenter
from rtseg_ros.runtime.model_file import model_file_from_content
from rtseg_ros.runtime.onnx_engine import OnnxEngine

pytestmark = pytest.mark.export


FRAMES = [smooth_frame(seed) for seed in range(3)]


def segmenter_of(model, metadata, path):
    return Segmenter(OnnxEngine(model_file_from_content(file_content(model, metadata), path)))


def assert_same_together(model, metadata, folder):
    """Three frames in one inference of the freed model have the labels of the model itself."""
    single = segmenter_of(model, metadata, folder / 'single.onnx')
    free_batch(model)
    free = segmenter_of(checked(model), metadata, folder / 'free.onnx')
    assert (single.engine.max_batch, free.engine.max_batch) == (1, 64)
    together = free.finish([free.prepare(frame) for frame in FRAMES])
    seen = set()
    for frame, result in zip(FRAMES, together, strict=True):
        expected = single(frame).labels
        seen.update(np.unique(expected).tolist())
        # Scales that are computed at run time differ in the last bit: hardly ever a pixel.
        assert (result.labels == expected).mean() > 0.999
        assert (free(frame).labels == expected).mean() > 0.999
    assert len(seen) > 1


@pytest.mark.parametrize('name', list_networks())
def test_every_network(exported, network, metadata, name, tmp_path):
    model = exported(name, odd=True)
    use_fast_operators(model)
    described = metadata(name, size_hw=(70, 100), align_corners=network(name).align_corners)
    assert_same_together(model, described, tmp_path)


def test_half(exported, metadata, tmp_path):
    model = half_model(exported())
    assert_same_together(model, metadata(precision='fp16'), tmp_path)


def test_int8(exported, metadata, tmp_path):
    model = exported()
    readers = [lambda frame=frame: frame[None] for frame in FRAMES]
    quantized = quantized_model(model, readers, lambda done, total: None).model
    assert_same_together(quantized, metadata(precision='int8'), tmp_path)


def test_the_labels_of_the_file_itself(exported):
    """Those that are finished inside of the graph, which our engine leaves out."""
    import onnxruntime

    model = exported('lednet')
    single = onnxruntime.InferenceSession(model.SerializeToString())
    free_batch(model)
    free = onnxruntime.InferenceSession(model.SerializeToString())
    images = np.stack(FRAMES)
    together = free.run(['labels'], {'image': images})[0]
    for index in range(3):
        expected = single.run(['labels'], {'image': images[index : index + 1]})[0]
        assert (together[index] == expected[0]).mean() > 0.999


def test_through_the_converter(own_checkpoint, tmp_path):
    output = tmp_path / 'model.onnx'
    settings = ConversionSettings(str(own_checkpoint()), str(output), free_batch=True)
    done = convert(settings, lambda stage, done, total: None)
    assert done.parity.passed
    assert 'takes any number of images at once' in done.notes
    assert load_segmenter(output).engine.max_batch == 64


def test_a_shape_that_is_not_of_one_image_is_refused(exported):
    model = exported('skipnet_shufflenet')
    shape = next(node.input[1] for node in model.graph.node if node.op_type == 'Reshape')
    for tensor in model.graph.initializer:
        if tensor.name == shape:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values[0] = -1
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, shape))
    with pytest.raises(ConversionError, match='a free batch needs one that begins with 1'):
        free_batch(model)
