# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The contract of an engine: what was begun owns its outputs until it is released."""

import threading

import numpy as np
import pytest
from tiny_model import write_model

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.onnx_engine import OnnxEngine


@pytest.fixture
def model(tmp_path):
    return read_model_file(write_model(tmp_path / 'tiny.onnx'))


def openvino_engine(model, cache, **options):
    pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')
    from rtseg_ros.runtime.openvino.engine import OpenVinoEngine
    from rtseg_ros.runtime.openvino.options import OpenVinoOptions

    return OpenVinoEngine(model, OpenVinoOptions(cache_folder=str(cache), **options))


@pytest.fixture(params=['onnxruntime', 'openvino', 'openvino on two streams'])
def engine(request, model, tmp_path):
    if request.param == 'onnxruntime':
        made = OnnxEngine(model)
    else:
        streams = 2 if request.param.endswith('streams') else 1
        made = openvino_engine(model, tmp_path / 'cache', streams=streams)
    yield made
    made.close()


def frames(model, count=8):
    shape = (count, 1, *model.size_hw, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_two_at_a_time_give_what_one_gives(engine, model):
    """Outputs of the first are read while the second runs, for many frames in a row."""
    images = frames(model, 40)
    expected = [engine.infer(image)['logits'].copy() for image in images]
    before = None
    for index, image in enumerate(images):
        present = engine.begin(image)
        if before is not None:
            assert np.array_equal(before.outputs()['logits'], expected[index - 1])
            before.release()
        before = present
    assert np.array_equal(before.outputs()['logits'], expected[-1])
    before.release()


def test_outputs_stay_until_released(engine, model):
    images = frames(model)
    first = engine.begin(images[0])
    logits = first.outputs()['logits']
    kept = logits.copy()
    for image in images[1:]:
        with engine.begin(image) as other:
            assert not np.array_equal(other.outputs()['logits'], kept)
        engine.infer(image)
    assert np.array_equal(logits, kept)
    first.release()
    first.release()
    with pytest.raises(EngineError, match='was released'):
        first.outputs()


def test_more_than_there_are_requests_is_refused(engine, model):
    image = frames(model)[0]
    assert engine.requests == 2
    both = [engine.begin(image) for _ in range(2)]
    for call in (engine.begin, engine.infer):
        with pytest.raises(EngineError, match='has 2 requests.*release one first'):
            call(image)
    both[0].release()
    engine.infer(image)
    both[1].release()


def test_told_once_when_it_is_done(engine, model):
    told = threading.Semaphore(0)
    for image in frames(model):
        with engine.begin(image, on_done=told.release) as inference:
            assert told.acquire(timeout=20)
            inference.outputs()
    assert not told.acquire(blocking=False)


def test_close_waits_for_what_runs(engine, model):
    inference = engine.begin(frames(model)[0])
    engine.close()
    inference.release()
    with pytest.raises(EngineError, match='closed'):
        engine.begin(frames(model)[0])


def test_an_input_that_does_not_fit_takes_no_request(engine, model):
    for _ in range(3):
        with pytest.raises(EngineError, match='takes uint8'):
            engine.begin(np.zeros((1, 3, 3, 3), np.uint8))
    engine.infer(frames(model)[0])


class Waiting(Engine):
    """A backend that can only wait, as one without requests of its own."""

    name = 'waiting'

    def _infer(self, image):
        if image.any():
            raise EngineError('no')
        return {'labels': image[..., 0]}

    def close(self):
        pass


def test_a_backend_that_can_only_wait_is_told_and_fails_at_once(model):
    engine, told = Waiting(model), []
    blank = np.zeros((1, *model.size_hw, 3), np.uint8)
    with engine.begin(blank, on_done=lambda: told.append(1)) as inference:
        assert inference.outputs()['labels'].shape == (1, *model.size_hw)
        with pytest.raises(EngineError, match='has 1 requests'):
            engine.infer(blank)
    with pytest.raises(EngineError, match='no'):
        engine.begin(blank + 1, on_done=lambda: told.append(2))
    assert told == [1]
    engine.infer(blank)
