# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Weights put back from a model file: what was exported comes out again."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import numpy_helper
import pytest
import torch

from rtseg_ros.conversion.weights_of_model import network_of_model
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.preprocess import image_from_frame
from rtseg_ros.runtime.segmenter import load_segmenter
from rtseg_ros.runtime.shipped import model_path

pytestmark = pytest.mark.export


@pytest.fixture(scope='module')
def shipped():
    return read_model_file(model_path('swiftnet_mnv2_camvid'))


def test_the_shipped_network_gives_the_scores_of_its_file(shipped):
    network = network_of_model(shipped)
    frame = np.random.default_rng(0).integers(0, 256, (*shipped.size_hw, 3), dtype=np.uint8)
    image = torch.from_numpy(image_from_frame(frame, shipped.metadata.preprocessing))
    with torch.no_grad():
        scores = network.coarse_logits(image)[0].numpy()
    wanted = load_segmenter(shipped.path).logits(frame)
    assert np.abs(scores - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_rounded_weights_are_refused():
    with pytest.raises(ConversionError, match='is int8, its weights are rounded; give the fp32'):
        network_of_model(read_model_file(model_path('swiftnet_mnv2_camvid_int8')))


def test_a_file_with_other_operators_is_refused(shipped):
    model = onnx.load_from_string(shipped.content)
    del model.graph.node[-1]
    other = replace(shipped, content=model.SerializeToString())
    with pytest.raises(ConversionError, match='another version of this package'):
        network_of_model(other)


def test_what_is_not_found_is_named(shipped):
    model = onnx.load_from_string(shipped.content)
    bias = next(
        item for item in model.graph.initializer if item.name == 'network.logits.conv.bias'
    )
    bias.CopyFrom(numpy_helper.from_array(np.zeros(3, np.float32), bias.name))
    other = replace(shipped, content=model.SerializeToString())
    with pytest.raises(ConversionError, match='logits.conv.bias do not stand in the file'):
        network_of_model(other)
