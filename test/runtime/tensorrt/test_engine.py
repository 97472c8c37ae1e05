# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The TensorRT engine on a fake GPU: labels, order of calls, faults, leaks, threads."""

from dataclasses import replace
import gc
import threading

import numpy as np
import onnxruntime
import pytest
from tiny_model import write_model

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine, build_plan
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (1, 32, 48, 3), np.uint8)


def reference(model, image):
    session = onnxruntime.InferenceSession(model.content)
    names = ('logits', 'labels')
    return dict(zip(names, session.run(names, {'image': image}), strict=True))


def journal(gpu):
    text = gpu.fake_journal().decode().split('\n')[:-1]
    gpu.fake_forget()
    return text


@pytest.mark.parametrize('finish', ['engine', 'host'])
@pytest.mark.parametrize('graph', [True, False])
@pytest.mark.parametrize('mapped', [True, False])
def test_outputs_are_those_of_onnx_runtime(trt, model, options, finish, graph, mapped):
    engine = TensorRtEngine(
        model, replace(options, finish=finish, cuda_graph=graph, mapped_memory=mapped)
    )
    generator = np.random.default_rng(2)
    for _ in range(4):  # warm-up, capture, two replays
        image = generator.integers(0, 256, (1, 32, 48, 3), np.uint8)
        expected, outputs = reference(model, image), engine.infer(image)
        assert list(outputs) == (['logits', 'labels'] if finish == 'engine' else ['logits'])
        for name, array in outputs.items():
            np.testing.assert_array_equal(array, expected[name])
    assert engine.uses_graph is graph
    engine.close()


def test_what_the_engine_says_of_itself(trt, model, options):
    engine = TensorRtEngine(model, options)
    assert engine.name == 'tensorrt'
    assert engine.device == 'Fake Orin (compute 8.7)'
    assert engine.precision == 'fp32'
    assert engine.finishes
    engine.close()


def test_a_frame_is_one_copy_in_one_launch_one_copy_out(trt10, gpu, model, options, image):
    engine = TensorRtEngine(model, replace(options, cuda_graph=False))
    engine.infer(image)
    journal(gpu)
    engine.infer(image)
    assert journal(gpu) == ['copy to device', 'copy to host', 'cudaStreamSynchronize']
    engine.close()


def test_a_frame_is_one_graph_launch(trt10, gpu, model, options, image):
    engine = TensorRtEngine(model, options)
    journal(gpu)
    engine.infer(image)
    assert journal(gpu) == [
        'copy to device',
        'copy to host',
        'cudaStreamSynchronize',  # the warm-up that a capture needs
        'cudaStreamBeginCapture',
        'copy to device',
        'copy to host',
        'cudaStreamEndCapture',
        'cudaGraphInstantiateWithFlags',
        'cudaGraphDestroy',
    ]
    for _ in range(3):
        engine.infer(image)
    assert journal(gpu) == ['cudaGraphLaunch', 'cudaStreamSynchronize'] * 3
    engine.close()


def test_mapped_memory_copies_nothing(trt10, gpu, model, options, image):
    engine = TensorRtEngine(model, replace(options, mapped_memory=True, cuda_graph=False))
    journal(gpu)
    engine.infer(image)['logits'].sum()
    assert journal(gpu) == ['cudaStreamSynchronize'] * 2
    assert gpu.fake_alive(2) == 0, 'device memory'
    engine.close()


def test_mapped_memory_needs_an_integrated_gpu(trt10, gpu, model, options):
    gpu.fake_devices(1, 0)
    with pytest.raises(EngineError, match='mapped_memory is set, and Fake Orin has memory of'):
        TensorRtEngine(model, replace(options, mapped_memory=True))


def test_logits_are_copied_only_when_somebody_looks(trt10, gpu, model, options, image):
    engine = TensorRtEngine(model, options)
    engine.infer(image)
    outputs = engine.infer(image)
    journal(gpu)
    assert 'logits' in outputs
    assert 'labels' in outputs
    assert outputs['labels'].shape == (1, 32, 48)
    assert journal(gpu) == []
    np.testing.assert_array_equal(outputs['logits'], reference(model, image)['logits'])
    outputs['logits'].max()
    assert journal(gpu) == ['copy to host', 'cudaStreamSynchronize']
    with pytest.raises(KeyError):
        outputs['confidence']
    engine.close()


def test_outputs_of_an_overwritten_frame_are_refused(trt10, model, options, image):
    engine = TensorRtEngine(model, options)
    first = engine.infer(image)
    engine.infer(image)
    with pytest.raises(EngineError, match='frame 1 was overwritten by frame 2'):
        first['logits'].sum()
    engine.close()


def test_the_gpu_is_asked_before_tensorrt(trt, gpu, model, options):
    gpu.fake_devices(0, 0)
    with pytest.raises(EngineError, match='no NVIDIA GPU'):
        TensorRtEngine(model, options)
    assert trt.calls == []
    assert sum(trt.alive.values()) == 0


def test_a_device_that_is_not_there(trt10, model, options):
    with pytest.raises(EngineError, match='device is 1; there are 1, counted from 0'):
        TensorRtEngine(model, replace(options, device=1))


def test_a_hundred_loads_leave_nothing(trt10, gpu, model, options, image):
    for _ in range(100):
        engine = TensorRtEngine(model, options)
        engine.infer(image)
        engine.infer(image)['logits'].sum()
        engine.close()
        engine.close()  # twice does no harm
        assert gpu.fake_alive(0) == 0
        assert +trt10.alive == {}, 'freed by close and not when Python gets round to it'


FAULTS = [
    ('create_network', None, 'cannot create a network: fake fault'),
    ('create_builder_config', None, 'cannot create a build config: fake fault'),
    ('build_serialized_network', None, 'cannot build .*fake fault.*out of memory'),
    ('create_execution_context', None, 'execution context: fake fault.*8192 of 8192 MiB'),
    ('set_input_shape', False, 'does not take .*fake fault'),
    ('set_tensor_address', False, 'refuses the buffer of image: fake fault'),
    ('Builder', TypeError, r'cannot create a builder.*nullptr'),
    ('Runtime', TypeError, r'cannot create a runtime.*nullptr'),
]


@pytest.mark.parametrize(('call', 'result', 'message'), FAULTS)
def test_failures_while_loading_are_errors_and_leak_nothing(
    trt, gpu, model, options, call, result, message
):
    trt.faults[call] = TypeError('nullptr') if result is TypeError else result
    with pytest.raises(EngineError, match=message):
        TensorRtEngine(model, options)
    assert gpu.fake_alive(0) == 0
    gc.collect()
    assert +trt.alive == {}


@pytest.mark.parametrize(
    ('call', 'after'),
    [
        ('cudaStreamCreateWithFlags', 0),
        *((call, after) for call in ('cudaMalloc', 'cudaHostAlloc') for after in (0, 1, 2)),
    ],
)
def test_cuda_failures_while_loading_leak_nothing(trt10, gpu, model, options, call, after):
    build_plan(model, options)
    gpu.fake_fail(call.encode(), 2, after)
    with pytest.raises(EngineError, match=f'{call}: cudaErrorMemoryAllocation'):
        TensorRtEngine(model, options)
    assert gpu.fake_alive(0) == 0


@pytest.mark.parametrize('call', ['copy to device', 'copy to host', 'cudaStreamSynchronize'])
def test_cuda_failures_on_a_frame_are_errors(trt10, gpu, model, options, image, call):
    engine = TensorRtEngine(model, replace(options, cuda_graph=False))
    gpu.fake_fail(call.encode(), 700, 0)
    with pytest.raises(EngineError, match='cudaErrorIllegalAddress.*restart the process'):
        engine.infer(image)
    engine.close()
    assert gpu.fake_alive(0) == 0


def test_a_failed_enqueue_is_an_error_and_the_next_frame_may_work(trt, model, options, image):
    engine = TensorRtEngine(model, replace(options, cuda_graph=False))
    trt.faults['execute_async_v3'] = False
    with pytest.raises(EngineError, match='failed on a frame: fake fault in execute_async_v3'):
        engine.infer(image)
    np.testing.assert_array_equal(engine.infer(image)['labels'], reference(model, image)['labels'])
    engine.close()


@pytest.mark.parametrize(
    'call',
    ['cudaStreamBeginCapture', 'cudaStreamEndCapture', 'cudaGraphInstantiateWithFlags'],
)
def test_without_a_graph_frames_run_and_the_log_says_so(
    trt10, gpu, model, options, image, caplog, call
):
    engine = TensorRtEngine(model, options)
    gpu.fake_fail(call.encode(), 900, 0)
    for _ in range(3):
        labels = engine.infer(image)['labels']
        np.testing.assert_array_equal(labels, reference(model, image)['labels'])
    assert not engine.uses_graph
    assert f'without a CUDA graph: {call}' in caplog.text
    engine.close()
    assert gpu.fake_alive(0) == 0


def test_a_capture_that_tensorrt_breaks_is_ended(trt10, gpu, model, options, image, caplog):
    engine = TensorRtEngine(model, options)
    execute = trt10.IExecutionContext.execute_async_v3

    def fails_in_a_capture(self, stream):
        return not gpu.fake_capturing() and execute(self, stream)

    trt10.IExecutionContext.execute_async_v3 = fails_in_a_capture
    for _ in range(3):
        engine.infer(image)
    assert 'without a CUDA graph' in caplog.text
    assert not gpu.fake_capturing()
    engine.close()
    assert gpu.fake_alive(0) == 0


def test_another_thread_is_refused_until_it_takes_over(trt10, model, options, image):
    engine = TensorRtEngine(model, options)
    said = {}

    def use(key, before=lambda: None):
        try:
            before()
            said[key] = engine.infer(image)['labels'].copy()
        except EngineError as error:
            said[key] = str(error)

    for key, before in (('stranger', lambda: None), ('heir', engine.take_over)):
        thread = threading.Thread(target=use, args=(key, before), name=key)
        thread.start()
        thread.join()
    assert "belongs to thread 'MainThread' and was called from 'stranger'" in said['stranger']
    np.testing.assert_array_equal(said['heir'], reference(model, image)['labels'])
    engine.close()  # the heir has ended, so its engine is free


def test_close_from_another_thread_is_refused_while_the_owner_lives(trt10, gpu, model, options):
    engine, done = [], threading.Event()
    ready = threading.Event()

    def own():
        engine.append(TensorRtEngine(model, options))
        ready.set()
        done.wait()

    owner = threading.Thread(target=own, name='worker')
    owner.start()
    ready.wait()
    with pytest.raises(EngineError, match="belongs to thread 'worker'"):
        engine[0].close()
    assert gpu.fake_alive(0) > 0
    done.set()
    owner.join()
    engine[0].close()
    assert gpu.fake_alive(0) == 0


def test_a_closed_engine_says_so(trt10, model, options, image):
    engine = TensorRtEngine(model, options)
    engine.close()
    with pytest.raises(EngineError, match='the engine is closed'):
        engine.infer(image)


def test_an_open_batch_is_bound_once_for_one_image(trt10, gpu, tmp_path, options):
    from onnx import TensorProto, helper

    from rtseg_ros.runtime.tensorrt.plan import open_target
    from rtseg_ros.runtime.tensorrt.session import Session

    io = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ['n', 3, 4])
        for name in ('image', 'logits')
    ]
    graph = helper.make_graph(
        [helper.make_node('Neg', ['image'], ['logits'])], 'g', io[:1], io[1:]
    )
    onnx_model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    onnx_model.ir_version = 8
    header = b'{"version": "10.3.0", "verbosity": "DETAILED", "flags": [], "dla": -1}'
    plan = b'fakeplan' + len(header).to_bytes(4, 'big') + header + onnx_model.SerializeToString()
    trt10.ICudaEngine.get_tensor_shape = lambda self, name: (-1, 3, 4)
    session = Session(open_target(options), plan, options, eager='logits')
    assert session.tensors() == {
        'image': ('float32', (1, 3, 4)), 'logits': ('float32', (1, 3, 4)),
    }  # fmt: skip
    alive = gpu.fake_alive(0)
    for number in range(4):
        values = np.random.default_rng(number).normal(size=(1, 3, 4)).astype(np.float32)
        np.testing.assert_array_equal(session.run(values), -values)
    with pytest.raises(ValueError, match='broadcast'):  # the engine refuses it before
        session.run(np.zeros((2, 3, 4), np.float32))
    assert journal(gpu).count('cudaStreamBeginCapture') == 1
    assert gpu.fake_alive(0) == alive + 1  # the graph
    session.close()
    assert +trt10.alive == {}
    assert gpu.fake_alive(0) == 0


def test_a_plan_of_other_tensors_is_refused(trt10, gpu, model, options, tmp_path):
    build_plan(model, options)
    (plan,) = (tmp_path / 'cache').glob('*.plan')
    larger = read_model_file(write_model(tmp_path / 'larger.onnx', size_hw=(64, 96)))
    _swap_content(plan, larger.content)
    with pytest.raises(EngineError, match="'image' of the plan is uint8 \\(1, 64, 96, 3\\)"):
        TensorRtEngine(model, options)
    assert gpu.fake_alive(0) == 0


def _swap_content(plan, content):
    """Forge an intact plan of another model under this one's key."""
    import hashlib
    import json

    old = plan.read_bytes()
    size = int.from_bytes(old[8:12], 'big')
    plan.write_bytes(old[: 12 + size] + content)
    document = json.loads(plan.with_suffix('.json').read_text())
    document['plan_bytes'] = plan.stat().st_size
    document['plan_sha256'] = hashlib.sha256(plan.read_bytes()).hexdigest()
    plan.with_suffix('.json').write_text(json.dumps(document))


def test_a_plan_for_other_gpus_is_not_run(trt10, model):
    with pytest.raises(EngineError, match="compute_targets is 'SM86'"):
        TensorRtEngine(model, TensorRtOptions(flavour='tensorrt_rtx', compute_targets='SM86'))
