# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A GPU made of C and a TensorRT made of Python, for the tests of the TensorRT engine."""

import shutil
import sys

from fake_gpu import compiled, fresh_gpu
from fake_tensorrt import FakeTensorRt
import pytest
from tiny_model import write_model

from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt import library as tensorrt_library
from rtseg_ros.runtime.tensorrt import plan as tensorrt_plan
from rtseg_ros.runtime.tensorrt.cudart import open_cuda
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions


@pytest.fixture(scope='session')
def gcc():
    """Path of the C compiler."""
    compiler = shutil.which('gcc')
    if compiler is None:
        pytest.skip('gcc is not installed: the fake CUDA and TensorRT libraries are written in C')
    return compiler


@pytest.fixture(scope='session')
def cudart_library(gcc, tmp_path_factory):
    """Path of the compiled fake CUDA runtime."""
    return compiled(gcc, tmp_path_factory.mktemp('cudart'))


@pytest.fixture
def gpu(cudart_library):
    """Controls of the fake GPU: ``fake_*`` of fake_cudart.c, fresh for every test."""
    return fresh_gpu(cudart_library)


def new_trt(monkeypatch, gpu, library, version):
    """Install the fakes where the backend looks for the libraries."""
    fake = FakeTensorRt(version, gpu)
    monkeypatch.setitem(sys.modules, 'tensorrt', fake)
    monkeypatch.setattr(tensorrt_plan, 'open_cuda', lambda: open_cuda([library]))
    tensorrt_library.load_tensorrt.cache_clear()
    return fake


@pytest.fixture(params=['8.6.1', '10.3.0', '11.4.0.106'])
def trt(request, monkeypatch, gpu, cudart_library):
    """A fake TensorRT on the fake GPU, in three generations."""
    yield new_trt(monkeypatch, gpu, cudart_library, request.param)
    tensorrt_library.load_tensorrt.cache_clear()


@pytest.fixture
def trt10(monkeypatch, gpu, cudart_library):
    """A fake TensorRT 10.3 on the fake GPU."""
    yield new_trt(monkeypatch, gpu, cudart_library, '10.3.0')
    tensorrt_library.load_tensorrt.cache_clear()


@pytest.fixture
def options(tmp_path):
    """Options with a cache folder of their own; the engine makes the labels."""
    return TensorRtOptions(cache_folder=str(tmp_path / 'cache'), finish='engine')


@pytest.fixture
def model(tmp_path):
    """A small model file: 3 classes, 32 x 48, logits at stride 4."""
    return read_model_file(write_model(tmp_path / 'tiny.onnx'))
