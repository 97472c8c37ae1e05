# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The check for owners of real hardware, on the fake one."""

import ctypes
from dataclasses import replace

import pytest

from rtseg_ros.benchmark.hardware_check import check_hardware
from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.onnx_engine import OnnxEngine
from rtseg_ros.runtime.tensorrt.cudart import Cuda


def check(model, options, **arguments):
    reference = OnnxEngine(model)
    return check_hardware(
        model, options, reference, **{'frames': 3, 'runs': 5, 'loads': 8, **arguments}
    )


def by_name(report):
    return {item['name']: item for item in report['checks']}


@pytest.mark.process
def test_a_good_machine_passes(trt10, gpu, model, options):
    said = []
    report = check(model, replace(options, finish='measured'), say=said.append)
    assert report['passed']
    checks = by_name(report)
    assert checks['same labels']['text'].startswith('100.0000% of the pixels')
    assert checks['precision as built']['text'] == 'fp32'
    ways = [name for name in checks if name.startswith('a frame')]
    assert len(ways) == 8, 'finish, graph and mapped memory in every combination'
    assert 'median' in checks['a frame, labels by engine, graph, mapped memory']['text']
    assert checks['8 loads']['ok']
    assert [finding['name'] for finding in report['findings']][:2] == ['GPU', 'TensorRT']
    assert said.count('  100 %') == 2, 'the plan with labels and the one without'
    assert said[0] == 'building the plans'
    assert said[1] == '  0 %'
    assert said[-1] == 'done'
    assert gpu.fake_alive(0) == 0


def test_memory_of_its_own_is_not_mapped(trt10, gpu, model, options):
    gpu.fake_devices(1, 0)
    assert not any('mapped' in name for name in by_name(check(model, options)))


def test_wrong_labels_fail(trt10, gpu, model, options):
    run = trt10.IExecutionContext._run

    def spoiled(self):
        run(self)
        if 'labels' in self._addresses:
            ctypes.memset(self._addresses['labels'], 0, 32 * 48)

    trt10.IExecutionContext._run = spoiled
    report = check(model, options)
    assert not report['passed']
    assert by_name(report)['same labels']['ok'] is False


def test_a_leak_fails(trt10, gpu, model, options, monkeypatch):
    free = iter(range(8000, 0, -50))
    monkeypatch.setattr(Cuda, 'memory_mib', lambda self: (next(free), 8192))
    report = check(model, options)
    assert by_name(report)['8 loads']['ok'] is False


@pytest.mark.process
def test_a_graph_that_cannot_be_captured_fails(trt10, gpu, model, options):
    execute = trt10.IExecutionContext.execute_async_v3
    trt10.IExecutionContext.execute_async_v3 = lambda self, stream: (
        not gpu.fake_capturing() and execute(self, stream)
    )
    report = check(model, options)
    assert not report['passed']
    assert 'could not be captured' in by_name(report)['a frame, labels by host, graph']['text']


def test_no_gpu_is_one_clear_error(trt10, gpu, model, options):
    gpu.fake_devices(0, 0)
    with pytest.raises(EngineError, match='no NVIDIA GPU'):
        check(model, options)
