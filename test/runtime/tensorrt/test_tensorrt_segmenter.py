# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The Segmenter on TensorRT: the masks of ONNX Runtime, whoever finishes them."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper
import pytest

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.geometry import Geometry
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path
from rtseg_ros.runtime.tensorrt import finish as tensorrt_finish
from rtseg_ros.runtime.tensorrt.engine import build_plan


@pytest.fixture
def frame():
    """Blobs of colour, 96 x 128."""
    coarse = np.random.default_rng(3).integers(0, 256, (6, 8, 3), np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


def both(path, options, **arguments):
    reference = load_segmenter(path, **arguments)
    return reference, load_segmenter(path, engine='tensorrt', tensorrt=options, **arguments)


@pytest.mark.parametrize('finish', ['engine', 'host'])
@pytest.mark.parametrize('confidence', [True, False])
def test_masks_of_any_size_are_the_same(trt10, make_model, options, frame, finish, confidence):
    path = make_model(outputs=('logits', 'labels'))
    reference, segmenter = both(path, replace(options, finish=finish))
    for picture in (frame, frame[:48, :64], frame[:50, :90]):  # any, the network's, odd
        expected = reference(picture, confidence=confidence)
        result = segmenter(picture, confidence=confidence)
        np.testing.assert_array_equal(result.labels, expected.labels)
        if confidence:
            np.testing.assert_array_equal(result.confidence, expected.confidence)
    segmenter.close()


def test_at_the_networks_size_only_labels_leave_the_gpu(trt10, gpu, make_model, options, frame):
    path = make_model(outputs=('logits', 'labels'))
    segmenter = load_segmenter(path, engine='tensorrt', tensorrt=options)
    gpu.fake_forget()
    segmenter(frame[:48, :64])
    assert gpu.fake_journal() == b'cudaGraphLaunch\ncudaStreamSynchronize\n'
    segmenter.close()


def test_results_survive_the_next_frame_and_the_engine(trt10, make_model, options, frame):
    path = make_model(outputs=('logits', 'labels'))
    segmenter = load_segmenter(path, engine='tensorrt', tensorrt=options)
    first = segmenter(frame[:48, :64]).labels
    kept = first.copy()
    segmenter(frame[48:, 64:])
    segmenter.close()
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize('rotation', [90, 180])
def test_turned_cameras(trt10, make_model, options, frame, rotation):
    path = make_model(outputs=('logits', 'labels'))
    reference, segmenter = both(path, options, geometry=Geometry(rotation=rotation))
    for picture in (frame, frame[:48, :64], frame[:64, :48]):
        np.testing.assert_array_equal(segmenter(picture).labels, reference(picture).labels)
    segmenter.close()


@pytest.mark.parametrize('unlabelled_id', [255, 200])
def test_an_output_that_means_unlabelled(trt10, make_model, options, frame, unlabelled_id):
    """The graph maps it already; it must not be mapped twice."""
    path = make_model('with_table', outputs=('logits', 'labels'), unlabelled_output=1)
    _map_outputs_in_the_graph(path, unlabelled_output=1)
    reference, segmenter = both(path, options, unlabelled_id=unlabelled_id)
    picture = frame[:48, :64]
    np.testing.assert_array_equal(segmenter(picture).labels, reference(picture).labels)
    segmenter.close()


def _map_outputs_in_the_graph(path, *, unlabelled_output):
    """Add the lookup that the converter puts behind the argmax; one class never wins here."""
    model = onnx.load(path)
    table = np.array([0, 255, 1, 2, 3], np.float32)
    assert table[unlabelled_output] == 255
    model.graph.initializer.append(numpy_helper.from_array(table, 'finish/table'))
    floats = model.graph.node[-2]
    names = ['finish/table', floats.input[0]], [floats.output[0]]
    floats.CopyFrom(helper.make_node('Gather', *names, name='finish/gather'))
    onnx.checker.check_model(model)
    onnx.save(model, path)


def test_the_shipped_model_gives_the_same_mask(trt10, options, frame):
    if not model_path('swiftnet_mnv2_camvid').is_file():
        pytest.skip('the shipped model is not in this checkout')
    reference, segmenter = both('swiftnet_mnv2_camvid', options)
    np.testing.assert_array_equal(segmenter(frame).labels, reference(frame).labels)
    size = segmenter.engine.model.size_hw
    fitting = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)
    labels, expected = segmenter(fitting).labels, reference(fitting).labels
    # Finished by ONNX Runtime's Resize here and on the host there: ties may fall otherwise.
    assert (labels == expected).mean() > 0.9999
    segmenter.close()


def test_the_plan_stays_whatever_is_read_of_it(
    trt10, gpu, make_model, options, frame, monkeypatch
):
    """A camera of another size than the network: its masks are made from the logits."""
    monkeypatch.setattr(tensorrt_finish, '_median_ms', lambda *a, labels, **k: 1.0 + (not labels))
    path = make_model(outputs=('logits', 'labels'))
    build_plan(read_model_file(path), replace(options, finish='host'))
    reference, segmenter = both(path, replace(options, finish='measured'))
    segmenter(frame)
    alive, fitting = gpu.fake_alive(0), frame[:48, :64]
    for picture in [frame] * 25 + [fitting, frame]:
        np.testing.assert_array_equal(segmenter(picture).labels, reference(picture).labels)
        assert segmenter.engine.finishes
    assert gpu.fake_alive(0) == alive
    segmenter.close()
    assert gpu.fake_alive(0) == 0


def test_a_free_batch_runs_frame_by_frame(trt, gpu, make_model, options, frame):
    """The contract of every engine: max_batch says what it takes, the Segmenter keeps to it."""
    path = make_model(batch=None)
    reference, segmenter = both(path, replace(options, finish='host'))
    assert (reference.engine.max_batch, segmenter.engine.max_batch) == (64, 1)
    pictures = (frame, frame[:48, :64], frame[::-1].copy())
    results = segmenter.finish([segmenter.prepare(picture) for picture in pictures])
    expected = reference.finish([reference.prepare(picture) for picture in pictures])
    for mine, theirs in zip(results, expected, strict=True):
        np.testing.assert_array_equal(mine.labels, theirs.labels)
    segmenter.close()
    assert gpu.fake_alive(0) == 0


def test_an_unknown_engine_is_refused(make_model):
    with pytest.raises(
        EngineError, match="engine is 'tensort'; accepted: onnxruntime, openvino, tensorrt"
    ):
        load_segmenter(make_model(), engine='tensort')
