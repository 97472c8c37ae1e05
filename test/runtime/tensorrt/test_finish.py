# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who makes the labels: measured once, remembered, and never the one who cannot."""

from dataclasses import replace

import pytest

from rtseg_ros.doctor.tensorrt_checks import tensorrt_report
from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.tensorrt import finish as tensorrt_finish
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine


def test_the_choice_of_finish_is_measured_once(trt10, model, options, monkeypatch, tmp_path):
    measured = []

    def times(target, model, options, *, labels, progress):
        measured.append(labels)
        return 3.0 if labels else 2.0

    monkeypatch.setattr(tensorrt_finish, '_median_ms', times)
    options = replace(options, finish='measured')
    for _ in range(2):
        engine = TensorRtEngine(model, options)
        assert not engine.finishes
        engine.close()
    assert measured == [False, True]
    (note,) = (tmp_path / 'cache').glob('*.note')
    assert '"engine_ms": 3.0' in note.read_text()
    other = replace(options, cuda_graph=False)
    TensorRtEngine(model, other).close()
    assert measured == [False, True] * 2, 'another way to run is another measurement'


def test_labels_that_the_gpu_cannot_make_are_the_hosts(trt10, gpu, model, options, caplog):
    """Said once, with the reason, and remembered: no start tries the impossible for minutes."""
    options = replace(options, finish='measured')
    build = trt10.Builder.build_serialized_network

    def refuses_labels(self, network, config):
        if network.num_outputs == 1:
            return build(self, network, config)
        trt10.calls.append('refused')
        trt10.last_logger.log(trt10.ILogger.Severity.ERROR, 'could not find any implementation')
        return None

    trt10.Builder.build_serialized_network = refuses_labels
    for _ in range(2):
        engine = TensorRtEngine(model, options)
        assert not engine.finishes
        engine.close()
    assert trt10.calls.count('refused') == 1
    assert caplog.text.count('labels are made on the host, the GPU cannot: ') == 1
    (finding,) = [f for f in tensorrt_report(options, models=(model,)) if f.name == 'plan of tiny']
    assert 'the host makes the labels, the GPU cannot: TensorRT 10.3.0 cannot' in finding.text
    assert 'could not find any implementation' in finding.text
    with pytest.raises(EngineError, match='could not find any implementation'):
        TensorRtEngine(model, replace(options, finish='engine'))
    assert gpu.fake_alive(0) == 0


def test_who_stops_a_build_stops_the_measurement(trt10, model, options):
    seen = []

    def stop(fraction, phase):
        seen.append(fraction)
        if len(seen) > 12:  # in the second plan
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TensorRtEngine(model, replace(options, finish='measured'), progress=stop)
    assert not list(options.folder.glob('*.note'))


def test_measuring_runs_both_ways_and_frees_them(trt10, gpu, model, options):
    engine = TensorRtEngine(model, replace(options, finish='measured'))
    alive = gpu.fake_alive(0)
    engine.close()
    assert gpu.fake_alive(0) == 0
    second = TensorRtEngine(model, replace(options, finish='measured'))
    assert gpu.fake_alive(0) == alive
    assert trt10.calls.count('build_serialized_network') == 2
    second.close()
