# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Winograd's way: the numbers of the convolution that it replaces, and nothing else touched."""

import numpy as np
import pytest

from rtseg_ros.runtime.openvino.winograd import halve_products

pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')


def head(ops, *, height=9, width=7, channels=64, batch=1, stride=1, twice_read=False):
    """Return a model of a wide 3x3 convolution with bias and ReLU, and a 1x1 one to 5 scores."""
    import openvino

    rng = np.random.default_rng(0)

    def constant(*shape):
        return ops.constant(rng.normal(size=shape).astype(np.float32))

    image = ops.parameter([batch, channels, height, width], np.float32)
    weight = constant(64, channels, 3, 3)
    wide = ops.convolution(image, weight, [stride, stride], [1, 1], [1, 1], [1, 1])
    relu = ops.relu(ops.add(wide, constant(1, 64, 1, 1)))
    scores = ops.convolution(relu, constant(5, 64, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])
    return openvino.Model([scores, relu] if twice_read else [scores], [image])


@pytest.fixture
def ops():
    import openvino.opset13

    return openvino.opset13


def run(model, images):
    import openvino

    settings = {'INFERENCE_PRECISION_HINT': 'f32'}
    return openvino.Core().compile_model(model, 'CPU', settings)(images)[0]


@pytest.mark.parametrize(
    ('height', 'width', 'batch'), [(8, 7, 1), (9, 7, 1), (10, 1, 2), (11, 5, -1), (1, 3, 1)]
)
def test_the_scores_are_the_same(ops, height, width, batch):
    rng = np.random.default_rng(1)
    images = rng.normal(size=(abs(batch) + 1 if batch < 0 else batch, 64, height, width))
    images = images.astype(np.float32)
    wanted = run(head(ops, height=height, width=width, batch=batch), images)
    model = head(ops, height=height, width=width, batch=batch)
    assert halve_products(model) == 1
    found = run(model, images)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize(
    'changes', [{'channels': 32}, {'stride': 2}, {'twice_read': True}], ids=str
)
def test_what_would_not_gain_or_be_the_same_is_left(ops, changes):
    assert halve_products(head(ops, **changes)) == 0


def test_half_of_the_products_are_left(ops):
    """Twelve products of a row with three weights become six."""
    model = head(ops, height=12)
    halve_products(model)
    wide = [
        node.output(0).shape
        for node in model.get_ops()
        if node.get_type_name() == 'Convolution' and node.output(0).shape[1] == 64
    ]
    assert wide == [[1, 64, 3, 7]] * 6
