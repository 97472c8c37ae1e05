# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The OpenVINO engine on real OpenVINO; GPU, NPU and bfloat16 are faked, as none is here."""

import builtins
from dataclasses import replace
import sys
from types import SimpleNamespace

import cv2
import numpy as np
from places import CAMVID_FOLDER
import pytest
from tiny_model import write_model

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.openvino import bf16_check
from rtseg_ros.runtime.openvino import compile as openvino_compile
from rtseg_ros.runtime.openvino.engine import OpenVinoEngine, runs_in
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.openvino.precision import compiled_precision
from rtseg_ros.runtime.shipped import model_path

CAMVID_FRAME = CAMVID_FOLDER / 'val' / 'images' / '0016E5_07959.webp'

pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')


@pytest.fixture
def ov(tmp_path):
    return OpenVinoOptions(cache_folder=str(tmp_path / 'cache'), precision='fp32', threads=2)


@pytest.fixture
def tiny(tiny_model):
    return read_model_file(tiny_model)


def frame_for(model, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*model.size_hw, 3), dtype=np.uint8)


def same_share(path, ov, frame):
    """Share of pixels that both engines label alike, and the precision as compiled."""
    segmenter = load_segmenter(path, engine='openvino', openvino=ov)
    same = (segmenter(frame).labels == load_segmenter(path)(frame).labels).mean()
    return same, segmenter.engine.precision


@pytest.mark.parametrize('name', ['swiftnet_mnv2_camvid', 'espnetv2_camvid'])
def test_shipped_models_label_as_in_onnxruntime(name, ov):
    model = read_model_file(model_path(name))
    frame = bf16_check.drawn_images(model, count=1)[0][0]
    same, precision = same_share(name, ov, frame)
    assert same >= 0.9999
    assert precision == 'fp32'


def test_int8_runs_in_int8_and_labels_alike(ov):
    """On a real street: eight-bit numbers are rounded in other places, which tips a few pixels."""
    if not CAMVID_FRAME.exists():
        pytest.skip('the CamVid frames of ../shared/data are not there')
    rgb = cv2.imread(str(CAMVID_FRAME))
    same, precision = same_share('swiftnet_mnv2_camvid_int8', ov, rgb)
    assert same >= 0.985
    assert precision.startswith('int8 (58 of ')


def test_nothing_is_copied(tiny, ov):
    """The input tensor is the frame's memory, the output array the request's."""
    engine = OpenVinoEngine(tiny, ov)
    image = frame_for(tiny)[None]
    outputs = engine.infer(image)
    request = engine._free[0]
    assert request.addresses() == ([image.ctypes.data], [outputs['logits'].ctypes.data])
    assert not outputs['logits'].flags['OWNDATA']


def test_nothing_is_copied_on_two_streams(tiny, ov):
    """Each stream reads its frame in the batch and writes its part of one array."""
    engine = OpenVinoEngine(tiny, replace(ov, streams=2))
    images = np.stack([frame_for(tiny, seed) for seed in range(2)])
    with engine.begin(images) as inference:
        logits = inference.outputs()['logits']
        inputs, outputs = inference._running.addresses()
    assert inputs == [images.ctypes.data, images[1:].ctypes.data]
    assert outputs == [logits.ctypes.data, logits[1:].ctypes.data]
    one = OpenVinoEngine(tiny, ov)
    for image, mine in zip(images, logits, strict=True):
        assert np.array_equal(one.infer(image[None])['logits'][0], mine)


def test_labels_only(make_model, ov):
    path = make_model(outputs=('labels',))
    frame = frame_for(read_model_file(path))
    segmenter = load_segmenter(path, engine='openvino', openvino=ov)
    assert np.array_equal(segmenter(frame).labels, load_segmenter(path)(frame).labels)


def test_free_batch(make_model, ov):
    path = make_model(batch=None)
    segmenter = load_segmenter(path, engine='openvino', openvino=ov)
    frames = [frame_for(segmenter.engine.model, seed) for seed in range(3)]
    together = segmenter.finish([segmenter.prepare(frame) for frame in frames])
    for frame, result in zip(frames, together, strict=True):
        assert np.array_equal(result.labels, segmenter(frame).labels)


def test_second_start_imports_what_the_first_compiled(tiny, ov, monkeypatch):
    OpenVinoEngine(tiny, ov)
    monkeypatch.setattr(
        openvino_compile, '_compile', lambda *_: pytest.fail('compiled a second time')
    )
    engine = OpenVinoEngine(tiny, ov)
    assert engine.infer(frame_for(tiny)[None])['logits'].shape[1] == 4


@pytest.mark.parametrize('change', [{'threads': 1}, {'streams': 2}])
def test_other_options_are_another_key(tiny, ov, change, caplog):
    caplog.set_level('INFO', 'rtseg_ros.openvino')
    OpenVinoEngine(tiny, ov)
    OpenVinoEngine(tiny, replace(ov, **change))
    (name,) = change
    assert f'the most similar one differs in {name}: ' in caplog.text


def test_a_damaged_cache_is_made_anew_and_said(tiny, ov, caplog):
    OpenVinoEngine(tiny, ov)
    (blob,) = ov.folder.glob('*.plan')
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 255
    blob.write_bytes(content)
    engine = OpenVinoEngine(tiny, ov)
    assert 'is not used: its SHA-256' in caplog.text
    assert engine.infer(frame_for(tiny)[None])['logits'].dtype == np.float32


def test_a_cache_that_openvino_refuses_is_made_anew(tiny, ov, monkeypatch, caplog):
    OpenVinoEngine(tiny, ov)
    target = openvino_compile.open_target(ov)
    key = openvino_compile.model_key(target, tiny, ov, 'fp32')
    cache = openvino_compile.PlanCache(ov.folder)
    cache.store(tiny.path.stem, key, b'not a compiled model', {})
    OpenVinoEngine(tiny, ov)
    assert 'is made anew' in caplog.text
    assert cache.find(tiny.path.stem, key).content != b'not a compiled model'


def fake_cpu(target, capabilities=('FP32', 'INT8', 'BF16')):
    return replace(target, capabilities=capabilities)


def test_bf16_is_taken_where_the_cpu_has_it_and_nothing_is_lost(tiny, ov, monkeypatch):
    """Faked capabilities: this machine's CPU may have none; OpenVINO then computes in fp32."""
    target = fake_cpu(openvino_compile.open_target(ov))
    compiled = openvino_compile.compiled_model(target, tiny, replace(ov, precision='auto'))
    assert compiled.asked == 'bf16'
    assert 'keeps 100.00% of what fp32 is certain of' in compiled.reason


def test_bf16_is_left_where_labels_change(tiny, ov, monkeypatch):
    target = fake_cpu(openvino_compile.open_target(ov))
    monkeypatch.setattr(openvino_compile, '_measured_once', lambda *_: 0.97)
    compiled = openvino_compile.compiled_model(target, tiny, replace(ov, precision='auto'))
    assert compiled.asked == 'fp32'
    assert 'keeps only 97.00%' in compiled.reason


@pytest.mark.parametrize(
    'name', ['swiftnet_mnv2_camvid', 'swiftnet_mnv2_camvid_int8', 'espnetv2_camvid']
)
def test_auto_takes_bf16_for_shipped_models(name, ov):
    """Real bfloat16 where the CPU has it; where it is faked nothing can be lost."""
    target = openvino_compile.open_target(ov)
    if 'BF16' not in target.capabilities:
        target = fake_cpu(target)
    model = read_model_file(model_path(name))
    compiled = openvino_compile.compiled_model(target, model, replace(ov, precision='auto'))
    assert compiled.asked == 'bf16', compiled.reason


def test_share_is_measured_once(tiny, ov, monkeypatch):
    target = fake_cpu(openvino_compile.open_target(ov))
    auto = replace(ov, precision='auto')
    openvino_compile.compiled_model(target, tiny, auto)
    monkeypatch.setattr(bf16_check, 'drawn_images', lambda *_: pytest.fail('again'))
    assert openvino_compile.compiled_model(target, tiny, auto).asked == 'bf16'


def test_without_bf16_auto_is_fp32_with_the_reason(tiny, ov):
    target = fake_cpu(openvino_compile.open_target(ov), ('FP32',))
    compiled = openvino_compile.compiled_model(target, tiny, replace(ov, precision='auto'))
    assert compiled.asked == 'fp32'
    assert 'does not name bf16' in compiled.reason


def test_a_precision_asked_for_is_that_or_a_refusal(tiny, ov):
    target = fake_cpu(openvino_compile.open_target(ov), ('FP32',))
    with pytest.raises(EngineError, match='does not compute in bf16; OpenVINO says it has FP32'):
        openvino_compile.compiled_model(target, tiny, replace(ov, precision='bf16'))


def test_precision_is_read_back_per_layer():
    """A made-up runtime model: which words OpenVINO uses is fixed by real files above."""

    def operator(kind, precision):
        facts = {'layerType': kind, 'runtimePrecision': precision}
        texts = {k: SimpleNamespace(astype=lambda _, v=v: v) for k, v in facts.items()}
        return SimpleNamespace(get_rt_info=lambda: texts)

    operators = [operator('Convolution', 'bf16')] * 3 + [operator('FullyConnected', 'f32')]
    operators += [operator('Reorder', 'f32')] * 9
    model = SimpleNamespace(get_ops=lambda: operators)
    compiled = SimpleNamespace(get_runtime_model=lambda: model)
    assert compiled_precision(compiled) == {'bf16': 3, 'fp32': 1}


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'device': 'GPU'}, r'has no device GPU; it has CPU'),
        ({'device': 'GPU.1'}, r'has no device GPU\.1; it has CPU'),
        ({'device': 'NPU'}, r'has no device NPU'),
        ({'device': 'cuda'}, r"device is 'cuda'; accepted: CPU, GPU"),
        ({'precision': 'int4'}, r"precision is 'int4'; accepted: auto, fp32"),
        ({'threads': -1}, r'threads is -1; accepted: 0 to 1024'),
        ({'streams': 0}, r'streams is 0; accepted: 1 to 64'),
    ],
)
def test_what_cannot_be_had_is_refused(tiny, ov, changes, said):
    with pytest.raises(EngineError, match=said):
        OpenVinoEngine(tiny, replace(ov, **changes))


def test_auto_reports_what_it_chose(tiny, ov):
    engine = OpenVinoEngine(tiny, replace(ov, device='AUTO'))
    assert engine.device == 'CPU (chosen by AUTO)'


def test_not_installed_says_what_to_type(tiny, ov, monkeypatch):
    real = builtins.__import__

    def hide(name, *rest):
        if name == 'openvino':
            raise ImportError("No module named 'openvino'")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, 'openvino', raising=False)
    monkeypatch.setattr(builtins, '__import__', hide)
    with pytest.raises(EngineError, match=r'pip install openvino \(.*use the engine onnxruntime'):
        OpenVinoEngine(tiny, ov)


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (RuntimeError('Check x failed\nNo operator Frobnicate'), 'No operator Frobnicate. Use'),
        (MemoryError('bad_alloc'), 'not enough memory'),
        (RuntimeError('std::bad_alloc'), 'not enough memory'),
    ],
)
def test_errors_of_the_library_become_ours(tiny, ov, error, said):
    target = openvino_compile.open_target(ov)

    def refuse(*_):
        raise error

    core = SimpleNamespace(read_model=target.core.read_model, compile_model=refuse)
    with pytest.raises(EngineError, match=said):
        openvino_compile.compiled_model(replace(target, core=core), tiny, ov)


def test_an_operator_that_it_does_not_know(tmp_path, ov):
    import onnx

    path = write_model(tmp_path / 'odd.onnx')
    content = onnx.load(path)
    content.graph.node[0].op_type = 'Frobnicate'
    onnx.save(content, path)
    with pytest.raises(EngineError, match=r"OpenVINO .* '.*odd.onnx'.*engine onnxruntime"):
        OpenVinoEngine(read_model_file(path), ov)


def test_a_closed_engine_says_so(tiny, ov):
    engine = OpenVinoEngine(tiny, ov)
    engine.close()
    with pytest.raises(EngineError, match='is closed'):
        engine.infer(frame_for(tiny)[None])


def read_back(monkeypatch, layers):
    """Have the compiled model say that its layers run so: this machine has one kind of CPU."""
    monkeypatch.setattr(
        'rtseg_ros.runtime.openvino.engine.compiled_precision', lambda compiled: layers
    )


def faked_bf16(monkeypatch):
    """Fake the list of what the CPU computes in; the kernels stay those of this machine."""
    real = openvino_compile.open_target
    monkeypatch.setattr(
        'rtseg_ros.runtime.openvino.engine.open_target', lambda options: fake_cpu(real(options))
    )


@pytest.mark.parametrize('precision', ['auto', 'bf16'])
def test_layers_in_bf16_are_reported_with_those_that_are_not(tiny, ov, precision, monkeypatch):
    faked_bf16(monkeypatch)
    read_back(monkeypatch, {'bf16': 58, 'fp32': 5})
    engine = OpenVinoEngine(tiny, replace(ov, precision=precision))
    assert engine.precision == 'bf16 (58 of 63 layers; fp32 5)'
    said = 'keeps 100.00% of what fp32 is certain of' if precision == 'auto' else ''
    assert engine.precision_reason == said


def test_bf16_by_name_that_no_layer_runs_in_is_refused(tiny, ov, monkeypatch):
    faked_bf16(monkeypatch)
    read_back(monkeypatch, {'fp32': 63})
    with pytest.raises(EngineError, match='in fp32, not in bf16 as asked for; take precision'):
        OpenVinoEngine(tiny, replace(ov, precision='bf16'))


def test_auto_says_that_no_layer_runs_in_bf16(tiny, ov, monkeypatch):
    faked_bf16(monkeypatch)
    read_back(monkeypatch, {'fp32': 63})
    engine = OpenVinoEngine(tiny, replace(ov, precision='auto'))
    assert engine.precision == 'fp32'
    assert 'names bf16' in engine.precision_reason


@pytest.mark.parametrize(
    ('layers', 'asked', 'fine'),
    [
        ({'fp32': 5}, 'fp32', True),
        ({'int8': 58, 'fp32': 5}, 'fp32', True),
        ({'fp32': 5, 'bf16': 1}, 'fp32', False),
        ({'int8': 63}, 'bf16', True),
        ({'int8': 58, 'fp32': 5}, 'bf16', False),
        ({'fp16': 5}, 'bf16', False),
    ],
)
def test_a_precision_is_held_against_the_layers(layers, asked, fine):
    assert runs_in(layers, asked) is fine


def test_out_of_memory_on_a_frame_says_what_to_do(tiny, ov):
    engine = OpenVinoEngine(tiny, ov)

    def fail(*_, **__):
        raise MemoryError('std::bad_alloc')

    engine._free[0]._parts = [SimpleNamespace(start_async=fail)]
    with pytest.raises(EngineError, match='not enough memory: end other programs'):
        engine.infer(frame_for(tiny)[None])


def test_a_file_replaced_while_it_loads_is_the_one_that_was_read(tiny, ov, tmp_path, monkeypatch):
    """Compiled from what was read, and kept under its hash: the new file gets its own."""
    own = tmp_path / 'tiny.onnx'  # the other tests share theirs
    own.write_bytes(tiny.content)
    tiny = read_model_file(own)
    frame = frame_for(tiny)[None]
    right = OpenVinoEngine(tiny, ov).infer(frame)['logits'].copy()
    other = write_model(tmp_path / 'other.onnx', size_hw=tiny.size_hw).read_bytes()
    real = openvino_compile.content_for

    def replaced(model):
        model.path.write_bytes(other)
        return real(model)

    monkeypatch.setattr(openvino_compile, 'content_for', replaced)
    fresh = replace(ov, cache_folder=str(tmp_path / 'fresh'))
    engine = OpenVinoEngine(tiny, fresh)
    assert np.array_equal(engine.infer(frame)['logits'], right)
    monkeypatch.undo()
    after = OpenVinoEngine(read_model_file(tiny.path), fresh).infer(frame)['logits']
    assert not np.array_equal(after, right)


def test_facts_without_loading(tiny, ov):
    target = openvino_compile.open_target(ov)
    assert 'first start will compile it: there is none yet' in openvino_compile.compiled_facts(
        target, tiny, ov
    )
    OpenVinoEngine(tiny, ov)
    assert openvino_compile.compiled_facts(target, tiny, ov) == 'runs in fp32'
    changed = openvino_compile.compiled_facts(target, tiny, replace(ov, threads=1))
    assert 'threads: 2 -> 1' in changed
