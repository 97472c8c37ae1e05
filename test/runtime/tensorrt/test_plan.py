# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a plan is used, when it is rebuilt, and what its manifest says."""

from dataclasses import replace
import json
import multiprocessing

import pytest
from tiny_model import write_model

from rtseg_ros.errors import EngineError
from rtseg_ros.evaluation.calibrate import store_temperature
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine, build_plan


def builds(trt):
    return trt.calls.count('build_serialized_network')


def manifest(options):
    (document,) = options.folder.glob('*.json')
    return json.loads(document.read_text())


def test_a_plan_is_built_once(trt, model, options):
    for _ in range(3):
        TensorRtEngine(model, options).close()
    assert builds(trt) == 1


def test_new_metadata_need_no_new_plan(trt10, model, options):
    """Calibrating rewrites the temperature in the file; the network stays what it is."""
    build_plan(model, options)
    store_temperature(model.path, 1.7)
    calibrated = read_model_file(model.path)
    assert calibrated.metadata.temperature == 1.7
    assert calibrated.sha256 != model.sha256
    TensorRtEngine(calibrated, options).close()
    assert builds(trt10) == 1
    write_model(model.path, seed=1)
    build_plan(read_model_file(model.path), options)
    assert builds(trt10) == 2, 'other weights'


def test_build_plan_makes_what_the_engine_loads(trt, model, options):
    plan = build_plan(model, options)
    TensorRtEngine(model, options).close()
    assert builds(trt) == 1
    assert plan.manifest.facts['precision_as_built'] == 'fp32'


def test_the_manifest_says_what_was_built_for_what(trt, model, options):
    build_plan(model, replace(options, workspace_mib=64))
    document = manifest(options)
    assert document['key'] == {
        'graph_sha256': model.graph_sha256,
        'library': 'tensorrt',
        'library_version': trt.__version__,
        'device': 'Fake Orin',
        'compute_capability': '8.7',
        'dla_core': -1,
        'driver_cuda': '12.6',
        'runtime_cuda': '12.2',
        'precision': 'fp32',
        'strongly_typed': not trt.__version__.startswith('8'),
        'tf32': False,
        'input': ['uint8', 1, 32, 48, 3],
        'outputs': ['labels', 'logits'],
        'workspace_mib': 64,
        'dla_only': False,
        'builder_revision': 2,
    }
    assert document['facts']['layers'] == {'fp32': 3}
    assert document['facts']['model_sha256'] == model.sha256
    assert document['facts']['network'] == 'tiny'
    assert document['facts']['layers_parsed'] == 7
    assert document['facts']['build_seconds'] >= 0


def test_precision_comes_from_the_engine_and_not_from_the_file(trt10, options, tmp_path):
    model = read_model_file(write_model(tmp_path / 'half.onnx', precision='fp16'))
    trt10.precision = 'Float'
    engine = TensorRtEngine(model, options)
    assert engine.precision == 'fp32', 'the file says fp16, and TensorRT built fp32'
    assert manifest(options)['facts']['precision_as_built'] == 'fp32'
    engine.close()


def test_precision_that_cannot_be_read_is_not_claimed(trt10, model, options):
    trt10.faults['create_engine_inspector'] = None
    build_plan(model, options)
    trt10.faults['create_engine_inspector'] = None
    engine = TensorRtEngine(model, options)
    assert engine.precision == 'unknown (fp32 asked for)'
    engine.close()


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        ({'workspace_mib': 1}, 'workspace_mib: 0 -> 1'),
        ({'tf32': True}, 'tf32: False -> True'),
        ({'finish': 'host'}, r"outputs: ['labels', 'logits'] -> ['logits']"),
    ],
)
def test_other_options_rebuild_and_name_themselves(trt10, model, options, caplog, change, named):
    TensorRtEngine(model, options).close()
    TensorRtEngine(model, replace(options, **change)).close()
    assert builds(trt10) == 2
    assert f'the most similar one differs in {named} (last time' in caplog.text
    # Both stay: switching back and forth builds nothing.
    TensorRtEngine(model, options).close()
    assert builds(trt10) == 2


def test_options_that_do_not_change_the_plan_do_not_rebuild(trt10, model, options):
    for change in ({'cuda_graph': False}, {'mapped_memory': True}):
        TensorRtEngine(model, replace(options, **change)).close()
    assert builds(trt10) == 1


def test_a_new_version_of_tensorrt_rebuilds(trt10, model, options, caplog):
    from rtseg_ros.runtime.tensorrt.library import load_tensorrt

    TensorRtEngine(model, options).close()
    trt10.__version__ = '10.16.1.11'
    load_tensorrt.cache_clear()
    TensorRtEngine(model, options).close()
    assert builds(trt10) == 2
    assert 'library_version: 10.3.0 -> 10.16.1.11' in caplog.text


def test_a_changed_model_rebuilds(trt10, model, options, caplog, tmp_path):
    TensorRtEngine(model, options).close()
    changed = read_model_file(write_model(tmp_path / 'tiny.onnx', seed=1))
    TensorRtEngine(changed, options).close()
    assert builds(trt10) == 2
    assert f'graph_sha256: {model.graph_sha256} -> {changed.graph_sha256}' in caplog.text


@pytest.mark.parametrize(
    'damage',
    [
        lambda plan: plan.write_bytes(plan.read_bytes()[:-100]),
        lambda plan: plan.write_bytes(b'\0' * 1000),
        lambda plan: plan.write_bytes(b''),
        lambda plan: plan.with_suffix('.json').write_bytes(b'\xff\xfe'),
        lambda plan: plan.with_suffix('.json').unlink(),
    ],
)
def test_a_damaged_plan_never_reaches_tensorrt(trt, model, options, damage):
    build_plan(model, options)
    (plan,) = options.folder.glob('*.plan')
    damage(plan)
    TensorRtEngine(model, options).close()  # the fake asserts where the real one would crash
    assert builds(trt) == 2
    TensorRtEngine(model, options).close()
    assert builds(trt) == 2


def test_a_plan_that_tensorrt_refuses_is_rebuilt_once(trt, model, options, caplog):
    build_plan(model, options)
    trt.faults['deserialize_cuda_engine'] = None
    TensorRtEngine(model, options).close()
    assert builds(trt) == 2
    assert 'refuses the plan: fake fault in deserialize_cuda_engine' in caplog.text
    assert 'the library refused the one there is' in caplog.text


def test_a_fresh_plan_that_tensorrt_refuses_is_an_error_and_not_kept(trt, model, options):
    trt.faults['deserialize_cuda_engine'] = None
    with pytest.raises(EngineError, match='refuses the plan: fake fault'):
        build_plan(model, options)
    assert list(options.folder.glob('*.plan')) == []


def test_a_failed_build_leaves_nothing(trt, model, options):
    trt.faults['build_serialized_network'] = None
    with pytest.raises(EngineError):
        build_plan(model, options)
    assert [path.suffix for path in options.folder.iterdir()] == ['.lock']


def test_a_dla_plan_is_another_plan(trt10, options, tmp_path):
    model = read_model_file(write_model(tmp_path / 'half.onnx', precision='fp16'))
    trt10.dla_cores, trt10.dla_layers = 2, {'conv'}
    build_plan(model, options)
    on_dla = replace(options, dla_core=1)
    engine = TensorRtEngine(model, on_dla)
    assert builds(trt10) == 2
    assert engine.device == 'DLA 1 of Fake Orin (compute 8.7)'
    assert engine.precision == 'fp16 (1 of 1 layers; 1 parts on the DLA)'
    engine.close()
    documents = [json.loads(path.read_text()) for path in options.folder.glob('*.json')]
    (facts,) = [d['facts'] for d in documents if d['key']['dla_core'] == 1]
    assert facts['dla_can_take'] == ['conv']
    assert facts['dla_layers'] == ['dla0']


def test_timings_are_kept_per_device_and_version(trt, model, options):
    build_plan(model, options)
    (path,) = options.folder.glob('*.timing')
    assert path.name == f'tensorrt-{trt.__version__}-Fake_Orin-8.7.timing'
    assert path.read_bytes() == b'timing of this build'
    build_plan(model, replace(options, tf32=True))
    assert trt.built_with['timings'] == 'timing of this build'


def _build_in_a_process(library, cache, path, together, queue):
    import ctypes
    import sys
    import time

    from fake_tensorrt import FakeTensorRt

    from rtseg_ros.runtime.tensorrt import plan as tensorrt_plan
    from rtseg_ros.runtime.tensorrt.cudart import open_cuda
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    dll = ctypes.CDLL(library)
    dll.fake_usable.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    dll.fake_reset()
    sys.modules['tensorrt'] = fake = FakeTensorRt('10.3.0', dll)
    tensorrt_plan.open_cuda = lambda: open_cuda([library])
    build = fake.Builder.build_serialized_network

    def slowly(self, network, config):
        time.sleep(0.3)
        return build(self, network, config)

    fake.Builder.build_serialized_network = slowly
    together.wait(60)
    build_plan(read_model_file(path), TensorRtOptions(cache_folder=cache, finish='engine'))
    queue.put(builds(fake))


@pytest.mark.process
def test_processes_that_want_the_same_plan_build_it_once(cudart_library, model, options):
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    together = context.Barrier(3)
    arguments = (cudart_library, options.cache_folder, str(model.path), together, queue)
    workers = [context.Process(target=_build_in_a_process, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert sorted(queue.get(timeout=5) for _ in workers) == [0, 0, 1]
