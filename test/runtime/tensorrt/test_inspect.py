# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Precision as built, from the words that each generation's inspector uses."""

import json

import pytest

from rtseg_ros.runtime.tensorrt.inspect import built_precision

CONV = {'LayerType': 'CaskConvolution', 'ParameterType': 'Convolution'}


def layer(text, *, key='Format/Datatype', **more):
    return {**CONV, 'Name': 'c', 'Inputs': [{'Name': 'x', key: text}], **more}


def read(*layers):
    return built_precision(json.dumps({'Layers': list(layers), 'Bindings': ['image', 'labels']}))


@pytest.mark.parametrize(
    ('text', 'precision'),
    [
        ('Row major linear FP32', 'fp32'),  # 8.x
        ('Row major linear FP16 format', 'fp16'),
        ('Channel major FP16 format where channel % 8 == 0', 'fp16'),
        ('Two wide channel vectorized row major FP16 format', 'fp16'),
        ('Thirty-two wide channel vectorized row major Int8 format.', 'int8'),
        ('Float', 'fp32'),  # 10.x
        ('Half', 'fp16'),
        ('Int8', 'int8'),
        ('BFloat16', 'bf16'),
        ('FP8', 'fp8'),
        ('Half NCHW', 'fp16'),
        ('UInt8', 'unknown'),
    ],
)
def test_words_of_every_generation(text, precision):
    assert str(read(layer(text))) == precision
    assert read(layer(text)).layers == ({} if precision == 'unknown' else {precision: 1})


def test_weights_speak_before_inputs():
    assert str(read(layer('Row major linear FP32', Weights={'Type': 'Int8'}))) == 'int8'


def test_tensorrt_rtx_has_a_field_for_the_type():
    """A line of TensorRT-RTX 1.7.1's log about a segmentation network, as JSON."""
    correlation = {
        'Name': 'node_of_c_myl0_1',
        'LayerType': 'correlation',
        'Inputs': [{'Name': 'r', 'Datatype': 'Half', 'Format': '(NHWC) Channel major format'}],
    }
    fused = {**correlation, 'Name': '__myl_CorrMulAddRelu_myl0_74', 'LayerType': 'runtime_fusion'}
    resize = {**correlation, 'Name': '__myl_Resi_myl0_4', 'LayerType': 'runtime_function'}
    image = {'Name': 'image', 'Datatype': 'UInt8', 'Format': '(Linear) Row major linear format'}
    cast = {'Name': '__myl_CastTran_myl0_0', 'LayerType': 'kgen', 'Inputs': [image]}
    assert read(correlation, fused, resize, cast).layers == {'fp16': 2}


def test_a_mixture_is_told_with_counts():
    layers = [layer('Half')] * 40 + [layer('Float')] * 2
    assert str(read(*layers)) == 'fp16 (40 of 42 layers; fp32 2)'


def test_tf32_is_not_called_fp32():
    tf32 = 'sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc'
    plain = 'sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nhwckrsc_nhwc'
    layers = [layer('Float', TacticName=tf32), layer('Float', TacticName=plain)]
    assert str(read(*layers)) == 'fp32 (2 of 2 layers; TF32 in 1)'


def test_layers_without_weights_do_not_count():
    pointwise = {'Name': 'p', 'LayerType': 'PointWiseV2', 'Inputs': [{'Format/Datatype': 'Float'}]}
    reformat = {**pointwise, 'LayerType': 'Reformat'}
    assert str(read(layer('Half'), pointwise, reformat)) == 'fp16'


def test_parts_on_the_dla_are_listed():
    dla = {
        'Name': '{ForeignNode[a...b]}',
        'LayerType': 'DLA',
        'Inputs': [{'Format/Datatype': 'Half'}],
    }
    found = read(dla, layer('Half'))
    assert found.dla_layers == ('{ForeignNode[a...b]}',)
    assert str(found) == 'fp16 (2 of 2 layers; 1 parts on the DLA)'


@pytest.mark.parametrize(
    'text',
    ['', 'no JSON', '[]', '{}', '{"Layers": ["names", "only"]}', '{"Layers": [{"Name": "x"}]}',
     '{"Layers": [{"LayerType": "CaskConvolution", "Inputs": "what"}]}',
     json.dumps({'Layers': [layer('N/A due to dynamic shapes')]})],
)  # fmt: skip
def test_what_cannot_be_read_is_unknown(text):
    assert str(built_precision(text)) == 'unknown'
