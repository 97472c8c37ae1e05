# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every network and every shipped model, really parsed and built by TensorRT-RTX, without a GPU.

One plan for two GPUs at once: SM86 (GeForce 30) and SM89 (GeForce 40). Small inputs, so that all
of it takes about two minutes.
"""

import copy
from dataclasses import replace
import json
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import pytest
from tensorrt_rules import forbidden_casts
from tensorrt_wheels import RTX, fetched
from tiny_model import write_model

from rtseg_ros.labels import LabelSet
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.encoders import vgg16
from rtseg_ros.runtime.model_file import ModelMetadata, read_model_file
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.runtime.shipped import SHIPPED_MODELS

pytestmark = pytest.mark.downloads
SIZE_HW = (64, 96)
TARGETS = {'compute_targets': 'SM86,SM89'}


@pytest.fixture(scope='module')
def environment(request):
    """Environment of a process that has TensorRT-RTX."""
    folder = fetched(request.config.cache, *RTX)
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return {**os.environ, 'PYTHONPATH': path}


@pytest.fixture(scope='module')
def rtx(environment):
    """Return a function that has a job done by TensorRT-RTX in its own process."""
    worker = subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(__file__), 'rtx_worker.py')],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )

    def work(model, what='build', *, labels=True, **options):
        job = {'model': str(model), 'what': what, 'labels': labels, 'options': options}
        worker.stdin.write(json.dumps(job) + '\n')
        worker.stdin.flush()
        answer = worker.stdout.readline()
        assert answer, f'TensorRT-RTX crashed on {model} (exit status {worker.wait(10)})'
        return json.loads(answer)

    yield work
    worker.stdin.close()
    assert worker.wait(timeout=60) == 0


def share(answer, precision):
    """Fraction of the layers with weights that were built in a precision."""
    layers = answer['layers']
    return layers.get(precision, 0) / sum(layers.values())


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Return a function from a network's name to its files by precision."""
    from rtseg_ros.conversion.export import export_network
    from rtseg_ros.conversion.finishing import file_content
    from rtseg_ros.conversion.passes.half import half_model
    from rtseg_ros.conversion.passes.int8 import quantized_model
    from rtseg_ros.conversion.passes.operators import use_fast_operators

    frame = np.random.default_rng(0).integers(0, 256, (1, *SIZE_HW, 3), np.uint8)

    def int8_model(model):
        return quantized_model(model, [lambda: frame], lambda done, total: None).model

    folder = tmp_path_factory.mktemp('zoo')

    def export(name):
        with pytest.MonkeyPatch.context() as patch:
            # VGG-16's last layers cut down from 4096, for the time that 119M values take.
            patch.setattr(vgg16, 'FC_CHANNELS', 32)
            network = create_network(name, 5).eval()
        metadata = ModelMetadata(
            network=name,
            labels=LabelSet('five', tuple('abcde'), ((0, 0, 0),) * 5),
            preprocessing=Preprocessing(SIZE_HW, 'rgb', (1.0, 2.0, 3.0), (50.0, 50.0, 50.0)),
            align_corners=network.align_corners,
        )
        model = export_network(network, metadata)
        for precision, make in (('fp32', None), ('fp16', half_model), ('int8', int8_model)):
            made = make(model) if make else copy.deepcopy(model)
            use_fast_operators(made)
            path = folder / f'{precision}.onnx'
            path.write_bytes(file_content(made, replace(metadata, precision=precision)))
            yield precision, path
            path.unlink()

    return export


@pytest.mark.parametrize('name', list_networks())
def test_every_network_builds_in_the_precision_of_its_file(rtx, exported, name):
    for precision, path in exported(name):
        answer = rtx(path, **TARGETS)
        assert 'error' not in answer, f'{name} in {precision}: {answer["error"]}'
        assert answer['bytes'] > 10000
        assert forbidden_casts(onnx.load(path)) == []
        # Transposed convolutions and pooling by matrix products stay as they are in int8.
        least = 0.75 if precision == 'int8' else 1
        assert share(answer, precision) >= least, f'{name} in {precision}: {answer["layers"]}'


SHIPPED = sorted(SHIPPED_MODELS.glob('*.onnx'))


@pytest.mark.skipif(not SHIPPED, reason='no model is shipped in this checkout')
@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize('labels', [True, False], ids=['labels', 'logits'])
def test_every_shipped_model_builds(rtx, path, labels):
    answer = rtx(path, labels=labels, **TARGETS)
    assert 'error' not in answer, answer
    assert forbidden_casts(onnx.load(path)) == []
    precision = read_model_file(path).metadata.precision
    assert share(answer, precision) >= (0.75 if precision == 'int8' else 1), answer['layers']
    progress = answer['progress']
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert len(progress) > 50


def test_a_cast_that_tensorrt_forbids_is_found(tmp_path):
    """As it was: labels from the argmax's integers. TensorRT-RTX takes it, others may not."""

    def straight(nodes, graph):
        nodes['finish/labels'].input[0] = nodes['finish/argmax'].output[0]

    model = onnx.load(damaged(tmp_path, straight))
    assert forbidden_casts(model) == ['finish/labels']


@pytest.mark.parametrize('name', ['lednet', 'swiftnet_mnv2_pyr'])
@pytest.mark.parametrize('labels', [True, False], ids=['labels', 'logits'])
def test_an_open_batch_builds(rtx, exported, name, labels):
    """For one image at a time; its shapes are computed inside of the graph."""
    from rtseg_ros.conversion.passes.batch import free_batch

    for precision, path in exported(name):
        if precision == 'int8':
            continue
        model = onnx.load(path)
        free_batch(model)
        path.write_bytes(model.SerializeToString())
        answer = rtx(path, labels=labels, **TARGETS)
        assert 'error' not in answer, f'{name} in {precision}: {answer["error"]}'


@pytest.mark.skipif(not SHIPPED, reason='no model is shipped in this checkout')
def test_ctrl_c_is_what_ends_a_build(rtx):
    """The real bindings swallow the exception that Python would raise inside of the build."""
    assert rtx(SHIPPED[0], 'interrupt', **TARGETS) == {'interrupted': True}
    assert 'error' not in rtx(SHIPPED[0], **TARGETS), 'and all is as before'


def test_a_plan_goes_through_the_cache(rtx, tmp_path):
    path = write_model(tmp_path / 'tiny.onnx')
    cache = tmp_path / 'cache'
    key = rtx(path, 'plan', cache_folder=str(cache), **TARGETS)['manifest']
    assert (key['library'], key['library_version']) == ('tensorrt_rtx', '1.7.1.116')
    assert key['device'] == 'SM86,SM89'
    assert sorted(file.suffix for file in cache.iterdir()) == ['.json', '.lock', '.plan']
    assert next(cache.glob('*.plan')).stat().st_size > 10000


def test_convert_builds_for_gpus_that_are_not_here(environment, tmp_path):
    path, cache = write_model(tmp_path / 'tiny.onnx'), tmp_path / 'cache'
    options = {'flavour': 'tensorrt_rtx', 'compute-targets': 'SM86,SM89', 'cache-folder': cache}
    words = [word for name, value in options.items() for word in (f'--tensorrt-{name}', value)]
    command = [sys.executable, '-m', 'rtseg_ros.cli', 'convert', str(path), '--engine']
    done = subprocess.run(
        [*command, *map(str, words)],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'building the TensorRT plan 100/100' in done.stdout
    assert 'TensorRT plan of tiny.onnx for SM86,SM89: built in' in done.stdout
    (plan,) = cache.glob('*.plan')
    assert plan.stat().st_size > 10000


def test_without_a_gpu_nothing_is_run_and_nothing_crashes(rtx, tmp_path):
    path = write_model(tmp_path / 'tiny.onnx')
    answer = rtx(path, 'run', cache_folder=str(tmp_path / 'cache'))
    if 'error' not in answer:
        pytest.skip('this machine has a GPU')
    assert 'no NVIDIA GPU that this process can use' in answer['error']


def test_targets_it_does_not_know(rtx, tmp_path):
    """No Orin (SM87), Hopper (SM90) or Thor (SM110) in TensorRT-RTX."""
    path = write_model(tmp_path / 'tiny.onnx')
    for target in ('SM87', 'SM90', 'SM110', 'ORIN'):
        error = rtx(path, compute_targets=target)['error']
        assert f'compute_targets is {target}; TensorRT-RTX 1.7.1.116 builds for SM120' in error


def test_a_precision_that_the_file_has_not(rtx, tmp_path):
    path = write_model(tmp_path / 'tiny.onnx')
    error = rtx(path, precision='fp16', **TARGETS)['error']
    assert "precision is 'fp16' and tiny.onnx is fp32" in error


def damaged(tmp_path, change):
    """Write the tiny model with its graph changed."""
    path = write_model(tmp_path / 'tiny.onnx')
    model = onnx.load(path)
    change({node.name or node.op_type: node for node in model.graph.node}, model.graph)
    path.write_bytes(model.SerializeToString())
    return path


def _transpose_first(nodes, graph):
    cast, transpose = nodes['input/cast'], nodes['Transpose']
    transpose.input[0], transpose.output[0] = 'image', 'turned'
    cast.input[0], cast.output[0] = 'turned', 'planes'
    ordered = [transpose, cast, *list(graph.node)[2:]]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(kept)


def _mixed_types(nodes, graph):
    graph.node.insert(1, helper.make_node('Cast', ['image'], ['half'], to=TensorProto.FLOAT16))
    graph.node.insert(2, helper.make_node('Add', ['floats', 'half'], ['sum']))
    nodes['Transpose'].input[0] = 'sum'


def _antialias(nodes, graph):
    nodes['finish/resize'].attribute.append(helper.make_attribute('antialias', 1))
    sizes = np.array([1, 3, 4, 6], np.int64)
    graph.initializer.append(numpy_helper.from_array(sizes, 'finish/smaller'))
    nodes['finish/resize'].input[3] = 'finish/smaller'


def _zero_point(nodes, graph):
    graph.initializer.append(numpy_helper.from_array(np.float32(0.1), 'scale'))
    graph.initializer.append(numpy_helper.from_array(np.int8(3), 'zero'))
    graph.node.insert(2, helper.make_node('QuantizeLinear', ['planes', 'scale', 'zero'], ['q']))
    graph.node.insert(3, helper.make_node('DequantizeLinear', ['q', 'scale', 'zero'], ['dq']))
    nodes['conv'].input[0] = 'dq'


def _unknown_operator(nodes, graph):
    nodes['conv'].op_type = 'Konvolution'


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (_transpose_first, 'UInt8'),
        (_mixed_types, 'must have same input types'),
        (_antialias, 'antialias'),
        (_zero_point, 'zero'),
        (_unknown_operator, 'Konvolution'),
    ],
)
def test_what_tensorrt_does_not_take_is_our_error_with_its_reason(rtx, tmp_path, change, reason):
    path = damaged(tmp_path, change)
    error = rtx(path, **TARGETS)['error']
    assert error.startswith('TensorRT-RTX 1.7.1.116 ')
    assert str(path) in error
    assert reason.lower() in error.lower()
