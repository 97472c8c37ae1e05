# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every network as ONNX: constant sizes, one file, torch's labels."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from rtseg_ros.networks import list_networks

OPSET = 18  # 17 is what the converter writes: conversion/test_export.py
# Operations that compute sizes at run time, which TensorRT and fixed plans do without.
COMPUTED = {'Shape', 'Gather', 'ConstantOfShape', 'Range', 'NonZero', 'Loop', 'If', 'Expand'}


@pytest.mark.export
@pytest.mark.parametrize('name', list_networks())
def test_export(name, realistic, smooth_image, tmp_path):
    network = realistic(name)
    torch.manual_seed(1)
    image = smooth_image((50, 70))  # not a multiple of anything: padded inside
    with torch.no_grad():
        expected = network(image).numpy()
    best = np.sort(expected, axis=1)
    gaps = best[:, -1] - best[:, -2]
    labels = expected.argmax(axis=1)
    assert len(np.unique(labels)) >= 3
    path = tmp_path / 'network.onnx'
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # fixed sizes are meant; this exporter is deprecated
        torch.onnx.export(
            network,
            (image,),
            str(path),
            opset_version=OPSET,
            dynamo=False,
            input_names=['image'],
        )
    assert [file.name for file in tmp_path.iterdir()] == ['network.onnx']
    model = onnx.load(path)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [OPSET]
    assert not COMPUTED & {node.op_type for node in model.graph.node}

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    (logits,) = session.run(None, {'image': image.numpy()})
    rounding = np.abs(logits - expected).max()
    assert rounding < 5e-4 * expected.std()
    # Only where the best two classes are equal up to rounding may another one win.
    ties = gaps[logits.argmax(axis=1) != labels]
    assert len(ties) <= 2
    assert (ties <= 2 * rounding).all()
