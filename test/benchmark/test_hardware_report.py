# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report that an owner of real hardware sends back."""

import json
import subprocess
import sys

import pytest
from tiny_model import write_model

from rtseg_ros.benchmark.hardware_report import hardware_report
from rtseg_ros.errors import EngineError


def test_files_are_written_and_read_well(trt10, tmp_path, options):
    path = write_model(tmp_path / 'tiny.onnx')
    said = []
    document = hardware_report(
        [str(path)], tmp_path / 'out', options=options, runs=3, loads=3, say=said.append
    )
    assert document['passed']
    assert json.loads((tmp_path / 'out' / 'tensorrt.json').read_text()) == document
    text = (tmp_path / 'out' / 'tensorrt.md').read_text()
    assert '## tiny.onnx' in text
    assert '| GPU | Fake Orin, compute 8.7' in text
    assert '| same labels | 100.0000% of the pixels' in text
    assert text.endswith('All as it should be.\n')
    assert said[0] == 'tiny.onnx:'


def test_problems_are_marked(trt10, tmp_path, options):
    trt10.IExecutionContext.is_stream_capturable = lambda self, stream: False
    path = write_model(tmp_path / 'tiny.onnx')
    document = hardware_report([str(path)], tmp_path, options=options, runs=2, loads=2)
    assert not document['passed']
    text = (tmp_path / 'tensorrt.md').read_text()
    assert '| a frame, labels by engine, graph | **problem:** median' in text
    assert text.endswith('NOT all as it should be.\n')


def test_without_onnxruntime_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    monkeypatch.delitem(sys.modules, 'rtseg_ros.runtime.onnx_engine', raising=False)
    with pytest.raises(EngineError, match='pip install onnxruntime'):
        hardware_report([], tmp_path)


@pytest.mark.process
def test_it_needs_no_torch():
    code = (
        'import sys; import rtseg_ros.benchmark.hardware_report; '
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
