# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the builder tells TensorRT, by generation, and what it makes of its answers."""

from dataclasses import replace
import gc
import os
import signal

import pytest
from tiny_model import write_model

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.build import build_engine, merged_timings
from rtseg_ros.runtime.tensorrt.library import load_tensorrt
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.progress import BuildProgress


def build(trt, model, options=None, **arguments):
    built = build_engine(
        load_tensorrt(), model, options or TensorRtOptions(), **{'labels': True, **arguments}
    )
    return built, trt.built_with


def in_precision(tmp_path, precision):
    return read_model_file(write_model(tmp_path / f'{precision}.onnx', precision=precision))


@pytest.fixture
def generation(trt):
    return int(trt.__version__.split('.')[0])


def test_the_file_decides_the_precision_from_10_on_and_a_flag_before(trt, generation, tmp_path):
    for precision, flag in (('fp32', set()), ('fp16', {'FP16'}), ('int8', {'INT8'})):
        _, said = build(trt, in_precision(tmp_path, precision))
        assert said['strong'] is (generation >= 10)
        assert set(said['flags']) == (flag if generation < 10 else set())


def test_fp16_of_an_fp32_file_only_on_8(trt, generation, tmp_path):
    model, options = in_precision(tmp_path, 'fp32'), TensorRtOptions(precision='fp16')
    if generation < 10:
        assert build(trt, model, options)[1]['flags'] == ['FP16']
        return
    with pytest.raises(
        EngineError, match="precision is 'fp16' and fp32.onnx is fp32.*--precision"
    ):
        build(trt, model, options)


@pytest.mark.parametrize(
    ('file', 'wanted'), [('fp16', 'fp32'), ('fp32', 'int8'), ('int8', 'fp16')]
)
def test_no_other_change_of_precision(trt, tmp_path, file, wanted):
    with pytest.raises(EngineError, match=f'convert the checkpoint with --precision {wanted}'):
        build(trt, in_precision(tmp_path, file), TensorRtOptions(precision=wanted))


def test_tf32_is_off_unless_asked_for(trt, model):
    assert 'TF32' not in build(trt, model)[1]['flags']
    assert 'TF32' in build(trt, model, TensorRtOptions(tf32=True))[1]['flags']


def test_workspace_limit_is_passed_in_bytes(trt, model):
    assert build(trt, model)[1]['pool'] == {}
    options = TensorRtOptions(workspace_mib=256)
    assert build(trt, model, options)[1]['pool'] == {'WORKSPACE': 268435456}


def test_layers_are_built_with_names_and_precision_kept(trt, model):
    assert build(trt, model)[1]['verbosity'] == 'DETAILED'


def test_labels_or_logits(trt, model):
    import onnx

    for labels, names in ((True, ['logits', 'labels']), (False, ['logits'])):
        built, _ = build(trt, model, labels=labels)
        header = 12 + int.from_bytes(built.content[8:12], 'big')
        graph = onnx.load_from_string(built.content[header:]).graph
        assert [output.name for output in graph.output] == names


def test_all_parser_errors_are_told(trt, generation, model):
    trt.faults['parse'] = [(3, 'no such operator'), (7, 'bad type')]
    with pytest.raises(EngineError) as caught:
        build(trt, model)
    text = str(caught.value)
    assert f"TensorRT {trt.__version__} does not take '{model.path}'" in text
    assert 'no such operator' in text
    assert 'bad type' in text
    where = 'node 3 finish/resize (Resize): ' if generation >= 10 else 'node 3: '
    assert where in text


def test_a_parser_that_fails_silently_is_still_an_error(trt, model):
    trt.faults['parse'] = []
    with pytest.raises(EngineError, match='does not take .*it gave no reason'):
        build(trt, model)


def test_progress_rises_to_one(trt, generation, model):
    seen = []
    build(trt, model, progress=lambda fraction, phase: seen.append((round(fraction, 3), phase)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    if generation >= 10:
        # Two steps of the engine, the second one filled by four tactics.
        assert (0.625, 'Timing tactics') in seen
        assert len(fractions) > 6


def test_nested_phases_fill_the_step_of_their_parent():
    seen = []
    progress = BuildProgress(lambda fraction, phase: seen.append(fraction))
    progress.start('all', None, 4)
    progress.step('all', 0)
    progress.start('part', 'all', 2)
    progress.step('part', 0)
    progress.finish('part')
    progress.start('deep', 'part', 10)  # the parent is gone: counts for itself, never falls
    progress.step('all', 1)
    assert seen == [0.0, 0.25, 0.25, 0.375, 0.375, 0.5]


def test_an_interrupt_in_the_callback_cancels_the_build(trt, generation, model):
    def interrupt(fraction, phase):
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(trt, model, progress=interrupt)
    gc.collect()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_the_build(trt10, model, monkeypatch, number):
    """The exception must not rise inside of the library's callbacks."""
    risen = []
    build_serialized = trt10.Builder.build_serialized_network

    def pressed(self, network, config):
        try:
            os.kill(os.getpid(), number)
            return build_serialized(self, network, config)
        except KeyboardInterrupt as error:  # as the real bindings do
            risen.append(error)
            return None

    monkeypatch.setattr(trt10.Builder, 'build_serialized_network', pressed)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            build(trt10, model)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert not risen
    monkeypatch.undo()
    assert build(trt10, model)[0].content


def test_signals_of_others_stay_theirs(trt10, model):
    handler = signal.signal(signal.SIGTERM, lambda *_: None)
    mine = signal.getsignal(signal.SIGTERM)
    try:
        build(trt10, model, progress=lambda *_: signal.getsignal(signal.SIGTERM) is mine or 1 / 0)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_timings_of_the_last_build_are_offered_and_kept(trt, model):
    built, said = build(trt, model, timings=b'conv: tactic 7')
    assert said['timings'] == 'conv: tactic 7'
    assert built.timings == b'conv: tactic 7'
    assert build(trt, model)[0].timings == b'timing of this build'


def test_timings_of_another_machine_are_left_out(trt, model):
    trt.faults['set_timing_cache'] = False
    built, said = build(trt, model, timings=b'foreign')
    assert said['timings'] == ''
    assert built.timings


def test_corrupt_timings_are_left_out(trt, model):
    trt.faults['create_timing_cache'] = None
    assert build(trt, model, timings=b'\xff')[1]['timings'] == ''


def test_timings_of_two_processes_are_joined(trt):
    tensorrt = load_tensorrt()
    assert merged_timings(tensorrt, b'a', b'b') == b'a\nb'
    assert merged_timings(tensorrt, b'a', b'') == b'a'
    trt.faults['create_timing_cache'] = None
    assert merged_timings(tensorrt, b'a', b'b') == b'a'


class TestDla:
    @pytest.fixture
    def on_dla(self, trt, tmp_path):
        trt.dla_cores, trt.dla_layers = 2, {'conv'}
        return in_precision(tmp_path, 'fp16'), TensorRtOptions(dla_core=1)

    def test_layers_it_takes_are_told_and_the_rest_falls_back(self, trt, generation, on_dla):
        built, said = build(trt, *on_dla)
        assert built.dla_layers == ('conv',)
        assert built.num_layers == 7
        assert (said['device'], said['dla']) == ('DLA', 1)
        assert 'GPU_FALLBACK' in said['flags']
        # Before 11 a DLA takes no strongly typed network.
        assert said['strong'] is (generation >= 11)
        assert ('FP16' in said['flags']) is (generation < 11)

    def test_an_int8_file_is_strongly_typed_where_the_dla_takes_that(
        self, trt, generation, on_dla, tmp_path
    ):
        _, said = build(trt, in_precision(tmp_path, 'int8'), on_dla[1])
        assert said['strong'] is (generation >= 11)
        assert said['flags'] == ['GPU_FALLBACK'] + ['INT8'] * (generation < 11)

    def test_the_parser_adjusts_layers_for_a_dla_only(self, trt, generation, on_dla):
        _, said = build(trt, *on_dla)
        assert said['parser'] == ['ADJUST_FOR_DLA'] * (generation >= 11)
        _, said = build(trt, on_dla[0])
        assert said['parser'] == []

    def test_dla_only_names_what_is_left(self, trt, on_dla):
        model, options = on_dla
        with pytest.raises(EngineError, match='cannot take 6 of 7 layers: input/cast, , finish'):
            build(trt, model, replace(options, dla_only=True))

    def test_a_core_that_is_not_there(self, trt, on_dla):
        trt.dla_cores = 0
        with pytest.raises(EngineError, match='dla_core is 1, and TensorRT .* finds 0 DLA cores'):
            build(trt, *on_dla)

    def test_fp32_is_refused_with_the_way_out(self, trt, generation, on_dla, tmp_path):
        advice = 'convert it with --precision fp16' if generation >= 11 else "set precision 'fp16'"
        with pytest.raises(EngineError, match=advice):
            build(trt, in_precision(tmp_path, 'fp32'), on_dla[1])

    def test_an_fp32_file_in_fp16_where_flags_exist(self, trt, generation, on_dla, tmp_path):
        if generation >= 11:
            pytest.skip('the file decides')
        options = replace(on_dla[1], precision='fp16')
        assert 'FP16' in build(trt, in_precision(tmp_path, 'fp32'), options)[1]['flags']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'flavour': 'trt'}, "flavour is 'trt'; accepted: tensorrt, tensorrt_rtx"),
        ({'precision': 'half'}, "precision is 'half'; accepted: '', fp32, fp16, int8"),
        ({'finish': 'gpu'}, "finish is 'gpu'; accepted: measured, engine, host"),
        ({'device': -1}, 'device is -1; accepted: 0 to 63'),
        ({'workspace_mib': -5}, 'workspace_mib is -5; accepted: 0 to 1048576'),
        ({'dla_core': 9}, 'dla_core is 9; accepted: -1 to 3'),
        ({'compute_targets': 'SM86'}, 'only TensorRT-RTX builds for other GPUs'),
    ],
)
def test_impossible_options_are_refused(change, message):
    with pytest.raises(EngineError, match=message):
        TensorRtOptions(**change)


def test_compute_targets_are_read_in_any_spelling():
    options = TensorRtOptions(flavour='tensorrt_rtx', compute_targets=' sm89, SM86,')
    assert options.targets == ['SM86', 'SM89']
