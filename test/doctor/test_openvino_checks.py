# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of OpenVINO; processors are faked by what the kernel says of them."""

from dataclasses import replace
import sys
from types import SimpleNamespace

import pytest

from rtseg_ros.doctor import openvino_checks
from rtseg_ros.doctor.openvino_checks import cpu_flags, openvino_report, recommended_engine
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.openvino.options import OpenVinoOptions


@pytest.fixture
def cpu(monkeypatch, tmp_path):
    """Return a function that fakes /proc/cpuinfo and whether OpenVINO is installed."""

    def fake(flags, *, installed=True, key='flags'):
        file = tmp_path / 'cpuinfo'
        file.write_text(f'processor : 0\nmodel name : Made Up\n{key} : {flags}\n\nprocessor : 1\n')
        monkeypatch.setattr(openvino_checks, 'CPU_FLAGS', file)
        spec = SimpleNamespace() if installed else None
        monkeypatch.setattr(
            openvino_checks,
            'importlib',
            SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: spec)),
        )

    return fake


@pytest.mark.parametrize(
    ('flags', 'precision', 'engine'),
    [
        ('fpu sse avx2', 'fp32', 'onnxruntime'),
        ('fpu sse avx2', 'int8', 'openvino'),
        ('fpu avx512f avx512_bf16', 'fp32', 'openvino'),
        ('fpu amx_tile amx_bf16', 'fp16', 'openvino'),
    ],
)
def test_recommends_by_processor_and_model(cpu, flags, precision, engine):
    cpu(flags)
    finding = recommended_engine(precision)
    assert finding.ok
    assert finding.text.startswith(f'{engine}: ')
    assert 'rtseg benchmark --which-engine MODEL' in finding.text


def test_says_how_to_install_what_it_recommends(cpu):
    cpu('avx512_bf16', installed=False)
    assert recommended_engine('fp32').text.startswith("openvino (pip install '.[openvino]'")
    cpu('avx2', installed=False)
    assert 'pip' not in recommended_engine('fp32').text


def test_flags_of_arm_and_of_no_system(cpu, monkeypatch, tmp_path):
    cpu('fp asimd bf16', key='Features')
    assert 'bf16' in cpu_flags()
    monkeypatch.setattr(openvino_checks, 'CPU_FLAGS', tmp_path / 'none')
    assert cpu_flags() == frozenset()


def test_not_installed_is_one_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    (finding,) = openvino_report()
    assert not finding.ok
    assert 'pip install openvino' in finding.text


def test_devices_precision_and_the_compiled_model(tiny_model, tmp_path):
    pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')
    from rtseg_ros.runtime.openvino.engine import OpenVinoEngine

    model = read_model_file(tiny_model)
    options = OpenVinoOptions(cache_folder=str(tmp_path / 'cache'), precision='fp32')
    found = {finding.name: finding for finding in openvino_report(options, models=(model,))}
    assert 'FP32' in found['OpenVINO CPU'].text
    bf16_here = 'BF16' in found['OpenVINO CPU'].text.split('; ')[0]
    assert ('precision auto is fp32' in found['OpenVINO CPU'].text) is not bf16_here
    assert 'first start will compile' in found[f'compiled {model.path.stem}'].text
    OpenVinoEngine(model, options).close()
    found = {finding.name: finding for finding in openvino_report(options, models=(model,))}
    assert found[f'compiled {model.path.stem}'].text == 'runs in fp32'
    missing = openvino_report(replace(options, device='NPU'))
    assert [finding.ok for finding in missing] == [False]
    assert 'has no device NPU' in missing[0].text
