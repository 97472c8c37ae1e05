# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finding TensorRT: not installed, too old, and what it logs."""

import logging
import sys
import types

import pytest

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.tensorrt.library import load_tensorrt


@pytest.fixture(autouse=True)
def _forget():
    load_tensorrt.cache_clear()
    yield
    load_tensorrt.cache_clear()


def test_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    with pytest.raises(EngineError, match='apt install python3-libnvinfer.*onnxruntime'):
        load_tensorrt()


def test_rtx_is_looked_for_under_both_names(monkeypatch):
    for name in ('tensorrt_rtx', 'tensorrt_rtx_libs', 'tensorrt_rtx_bindings'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineError, match='pip install tensorrt-rtx-cu13-libs'):
        load_tensorrt('tensorrt_rtx')


def test_bindings_without_their_libraries(monkeypatch):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == 'tensorrt':
                raise ImportError('libnvinfer.so.10: cannot open shared object file')

    monkeypatch.delitem(sys.modules, 'tensorrt', raising=False)
    monkeypatch.setattr(sys, 'meta_path', [Finder(), *sys.meta_path])
    with pytest.raises(EngineError, match='libnvinfer.so.10: cannot open shared object'):
        load_tensorrt()


def test_tensorrt_before_8_6_is_too_old(monkeypatch):
    old = types.ModuleType('tensorrt')
    old.__version__ = '8.5.2.2'
    old.DataType = types.SimpleNamespace(UINT8=5)
    monkeypatch.setitem(sys.modules, 'tensorrt', old)
    with pytest.raises(EngineError, match=r'tensorrt 8.5.2.2 is too old.*execute_async_v3.*8\.6'):
        load_tensorrt()


def test_an_unknown_flavour_is_refused():
    with pytest.raises(
        EngineError, match="flavour is 'openvino'; accepted: tensorrt, tensorrt_rtx"
    ):
        load_tensorrt('openvino')


def test_title_and_version(trt):
    assert load_tensorrt().title == f'TensorRT {trt.__version__}'


def test_errors_are_kept_for_messages_and_everything_goes_to_the_log(trt, caplog):
    caplog.set_level(logging.DEBUG)
    tensorrt = load_tensorrt()
    severity = trt.ILogger.Severity
    for name in ('INTERNAL_ERROR', 'ERROR', 'WARNING', 'INFO', 'VERBOSE'):
        tensorrt.logger.log(severity[name], f'a line at {name}')
    assert tensorrt.said() == 'a line at INTERNAL_ERROR | a line at ERROR'
    assert tensorrt.said() == 'it gave no reason'
    levels = {record.message: record.levelname for record in caplog.records}
    assert levels == {
        'a line at INTERNAL_ERROR': 'ERROR',
        'a line at ERROR': 'ERROR',
        'a line at WARNING': 'WARNING',
        'a line at INFO': 'DEBUG',
    }
