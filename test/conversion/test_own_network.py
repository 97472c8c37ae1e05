# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A network of one's own, exported from Python in three lines."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtseg_ros.conversion.own_network import save_model
from rtseg_ros.conversion.presets import preprocessing_from_preset
from rtseg_ros.errors import ConversionError
from rtseg_ros.labels import LabelSet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.preprocess import Preprocessing, image_from_frame

pytestmark = pytest.mark.export

SIZE = (48, 64)
LABELS = LabelSet('yard', ('grass', 'stone', 'sky'), ((0, 255, 0), (90, 90, 90), (0, 0, 255)))
TOLD = Preprocessing(SIZE, 'rgb', (120.0, 110.0, 100.0), (60.0, 50.0, 70.0))


class Own(SegmentationNetwork):
    """Takes its classes by a mask: the exporter leaves the number of channels open."""

    stride = 4

    def __init__(self, num_classes=3):
        super().__init__(num_classes)
        self.down = nn.Conv2d(3, 8, 3, stride=8, padding=1)
        self.head = nn.Conv2d(8, num_classes + 2, 1)
        self.register_buffer('mask', torch.arange(num_classes + 2) >= 2)

    def decode(self, image):
        found = self.head(F.relu(self.down(image)))[:, self.mask]
        return F.interpolate(found, scale_factor=2, mode='bilinear', align_corners=False)


class Plain(nn.Module):
    """Returns scores in the way of some library."""

    def __init__(self, way, stride):
        super().__init__()
        self.head = nn.Conv2d(3, 3, 3, stride=stride, padding=1)
        self.way = way

    def forward(self, image):
        return self.way(self.head(image))


WAYS = {
    'a tensor': lambda scores: scores,
    'torchvision': lambda scores: OrderedDict(out=scores, aux=scores * 2),
    'transformers': lambda scores: {'logits': scores},
    'a tuple': lambda scores: (scores, scores * 2),
}


def frame():
    return np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@torch.no_grad()
def expected(network):
    image = torch.from_numpy(image_from_frame(frame(), TOLD))
    if isinstance(network, SegmentationNetwork):
        scores = network(image)
    else:
        scores = F.interpolate(network.head(image), SIZE, mode='bilinear', align_corners=False)
    return scores[0].argmax(0).numpy()


@pytest.fixture(autouse=True)
def _weights():
    torch.manual_seed(4)


def test_three_lines(tmp_path):
    network = Own()
    done = save_model(network, tmp_path / 'model.onnx', labels=LABELS, preprocessing=TOLD)
    segmenter = load_segmenter(done.model)
    assert segmenter.labels.names == LABELS.names
    assert (segmenter(frame()).labels != expected(network)).mean() < 0.001
    assert done.metadata.network == 'Own'
    assert len(done.metadata.checkpoint_sha256) == 64


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('stride', [1, 4])
def test_plain_modules(way, stride, tmp_path):
    network = Plain(WAYS[way], stride)
    done = save_model(network, tmp_path / 'model.onnx', labels=LABELS, preprocessing=TOLD)
    assert done.parity.passed
    found = load_segmenter(done.model)(frame()).labels
    assert (found != expected(network)).mean() < 0.001


@pytest.mark.parametrize(
    ('network', 'labels', 'said'),
    [
        (Plain(WAYS['a tensor'], 1), 'camvid', 'has 3 outputs, camvid has 11 classes'),
        (Plain(lambda scores: {'mask': scores}, 1), LABELS, 'returns no .* scores'),
        (Plain(lambda scores: scores.argmax(1), 1), LABELS, 'returns no .* scores'),
    ],
)
def test_what_does_not_fit_is_said(network, labels, said, tmp_path):
    with pytest.raises(ConversionError, match=said):
        save_model(network, tmp_path / 'model.onnx', labels=labels, preprocessing=TOLD)
    assert not list(tmp_path.iterdir())


def test_other_precisions_and_presets(tmp_path):
    told = preprocessing_from_preset('imagenet', SIZE)
    done = save_model(
        Own(), tmp_path / 'model.onnx', labels=LABELS, preprocessing=told, precision='fp16'
    )
    assert load_segmenter(done.model)(frame()).labels.shape == SIZE


def test_the_weights_have_a_hash_of_their_own(tmp_path):
    first, second = (
        save_model(Own(), tmp_path / f'{n}.onnx', labels=LABELS, preprocessing=TOLD).metadata
        for n in range(2)
    )
    assert first.checkpoint_sha256 != second.checkpoint_sha256
