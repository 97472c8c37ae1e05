# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the doctor is told about TensorRT."""

from dataclasses import replace
import re
import sys

import pytest

pytest.importorskip('onnx', reason='the fake TensorRT reads models with onnx')

from rtseg_ros.doctor import tensorrt_checks
from rtseg_ros.doctor.tensorrt_checks import tensorrt_report
from rtseg_ros.runtime.tensorrt import plan as tensorrt_plan
from rtseg_ros.runtime.tensorrt.cudart import open_cuda
from rtseg_ros.runtime.tensorrt.engine import build_plan
from rtseg_ros.runtime.tensorrt.library import load_tensorrt


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_a_healthy_machine(trt, gpu, model, options):
    trt.dla_cores = 2
    found = by_name(tensorrt_report(options, models=(model,)))
    assert all(finding.ok for finding in found.values())
    assert 'Fake Orin, compute 8.7, 8192 of 8192 MiB free' in found['GPU'].text
    assert trt.__version__ in found['TensorRT'].text
    decides = 'option precision' if trt.__version__.startswith('8') else 'the model file decides'
    assert decides in found['TensorRT'].text
    assert found['DLA'].text == '2 cores'
    assert found['plans'].text.startswith('0 plans, 0 MiB in ')
    assert found['plan of tiny'].text == 'the first start will build one: there is none yet'


def test_plans_are_told_with_precision_as_built(trt10, model, options):
    trt10.precision = 'Half'
    build_plan(model, options)
    found = by_name(tensorrt_report(options, models=(model,)))
    assert found['plans'].text.startswith('1 plans')
    assert found['plan of tiny'].text == 'built as fp16'
    measured = replace(options, finish='measured')
    build_plan(model, measured)
    found = by_name(tensorrt_report(measured, models=(model,)))
    assert re.fullmatch(
        r'built as fp16; the (engine|host) makes the labels '
        r'\(engine \S+ ms a frame, host \S+ ms\)',
        found['plan of tiny'].text,
    )


def test_a_stale_plan_names_what_differs(trt10, model, options):
    build_plan(model, options)
    trt10.__version__ = '10.16.1.11'
    load_tensorrt.cache_clear()
    found = by_name(tensorrt_report(options, models=(model,)))
    assert 'library_version: 10.3.0 -> 10.16.1.11' in found['plan of tiny'].text
    assert 'last time 0 s' in found['plan of tiny'].text


def test_it_builds_and_changes_nothing(trt10, gpu, model, options):
    tensorrt_report(options, models=(model,))
    assert 'build_serialized_network' not in trt10.calls
    assert gpu.fake_alive(0) == 0
    assert list(options.folder.iterdir()) == []


def test_no_gpu_and_no_library_are_two_problems(
    gpu, cudart_library, monkeypatch, options, tmp_path
):
    gpu.fake_devices(-1, 0)
    monkeypatch.setattr(tensorrt_plan, 'open_cuda', lambda: open_cuda([cudart_library]))
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    load_tensorrt.cache_clear()
    found = by_name(tensorrt_report(options))
    assert not found['GPU'].ok
    assert 'nvidia-smi' in found['GPU'].text
    assert not found['TensorRT'].ok
    assert 'apt install' in found['TensorRT'].text
    assert found['plans'].ok
    assert 'DLA' not in found, 'TensorRT is not asked without a GPU'


def test_a_dla_core_that_is_not_there(trt10, options):
    from dataclasses import replace

    found = by_name(tensorrt_report(replace(options, dla_core=0)))
    assert not found['DLA'].ok
    assert found['DLA'].text == 'dla_core is 0, and there are 0'


def test_a_folder_that_cannot_be_used(trt10, options, tmp_path):
    from dataclasses import replace

    (tmp_path / 'file').write_text('')
    found = by_name(tensorrt_report(replace(options, cache_folder=str(tmp_path / 'file' / 'x'))))
    assert not found['plans'].ok


def test_a_jetson_tells_its_release(trt10, options, tmp_path, monkeypatch):
    release = tmp_path / 'nv_tegra_release'
    release.write_text('# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n')
    monkeypatch.setattr(tensorrt_checks, 'JETSON_RELEASE', release)
    found = by_name(tensorrt_report(options))
    assert found['Jetson'].text == 'R36 (release), REVISION: 4.3'


@pytest.fixture(autouse=True)
def _forget():
    yield
    load_tensorrt.cache_clear()
