# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Real TensorRT packages, fetched once into pytest's cache; nothing is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

# What the JetPacks bring (6.0, 6.1 and 6.2, 7.0 and 7.1, 7.2), the first 11 and the newest of all.
BINDINGS = {
    '8.6.1': 'tensorrt-bindings==8.6.1',
    '10.3.0': 'tensorrt-cu12-bindings==10.3.0',
    '10.13.3.9': 'tensorrt-cu13-bindings==10.13.3.9',
    '10.16.1.11': 'tensorrt-cu13-bindings==10.16.1.11',
    '11.0.0.114': 'tensorrt-cu13-bindings==11.0.0.114',
    '11.4.0.106': 'tensorrt-cu13-bindings==11.4.0.106',
}
RTX = ('tensorrt-rtx-cu13-libs==1.7.1.116', 'tensorrt-rtx-cu13-bindings==1.7.1.116')
CUDA_RUNTIMES = {
    '11.8': 'nvidia-cuda-runtime-cu11==11.8.89',
    '12.6': 'nvidia-cuda-runtime-cu12==12.6.77',
    '13.0': 'nvidia-cuda-runtime==13.0.96',
}

# What the bindings need to be importable: none of it is ever called.
_STUB = """
#define NOTHING(name) void *name(void) { return 0; }
NOTHING(createInferBuilder_INTERNAL) NOTHING(createInferRuntime_INTERNAL)
NOTHING(createInferRefitter_INTERNAL) NOTHING(createNvOnnxParser_INTERNAL)
NOTHING(createNvOnnxParserRefitter_INTERNAL) NOTHING(getBuilderPluginRegistry)
NOTHING(getPluginRegistry) NOTHING(getNvOnnxParserVersion) NOTHING(getInferLibVersion)
NOTHING(initLibNvInferPlugins)
NOTHING(_ZN11nvuffparser15createUffParserEv)
NOTHING(_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi)
NOTHING(_ZN14nvcaffeparser117createCaffeParserEv)
NOTHING(_ZN14nvcaffeparser123shutdownProtobufLibraryEv)
"""
_LIBRARIES = ('nvinfer', 'nvonnxparser', 'nvinfer_plugin', 'nvparsers')

# Class -> attribute -> [class it returns, number of parameters], read from the docstrings.
_DESCRIBE = """
import json, re, sys
import tensorrt_bindings as trt
def described(thing):
    text = (getattr(thing, '__doc__', None) or '').strip()
    text = re.sub(r'\\[[^\\]]*\\]|<[^>]*>', '', text)
    signature = re.search(r'\\(([^()]*)\\) -> (?:\\w+(?:[.]|::))*(\\w+)', text)
    if not signature:
        return [None, None]
    # C++'s IParserError is Python's ParserError.
    result = signature[2] if hasattr(trt, signature[2]) else signature[2].removeprefix('I')
    return [result, re.findall(r'(\\w+):(?!:)', signature[1])]
json.dump(
    {
        name: {attribute: described(getattr(value, attribute)) for attribute in dir(value)}
        if isinstance(value, type) else described(value)
        for name, value in vars(trt).items()
    },
    sys.stdout,
)
"""


def fetched(cache: pytest.Cache, *packages: str) -> Path:
    """Return a folder with these packages; skips the test if the index has or gives them not."""
    python = f'python{sys.version_info.major}.{sys.version_info.minor}'
    folder = cache.mkdir('tensorrt') / python / '+'.join(packages).replace('=', '_')
    if folder.exists():
        return folder
    partial = folder.with_name(f'{folder.name}.{os.getpid()}')
    partial.parent.mkdir(exist_ok=True)
    command = [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-q']
    command += ['--no-deps', '--no-cache-dir', '--target', str(partial), *packages]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        errors = [line for line in result.stderr.splitlines() if line.startswith('ERROR')]
        pytest.skip(f'pip cannot fetch {", ".join(packages)}: {(errors or ["?"])[-1]}')
    try:
        partial.rename(folder)
    except OSError:  # another process of the same run was first
        shutil.rmtree(partial)
    return folder


def described_bindings(cache: pytest.Cache, gcc: str, version: str, stubs: Path) -> dict:
    """Import bindings against stub libraries in a process of their own; return what they have."""
    folder = fetched(cache, BINDINGS[version])
    major = version.split('.')[0]
    source = stubs / 'stub.c'
    source.write_text(_STUB)
    for name in _LIBRARIES:
        soname = f'lib{name}.so.{major}'
        command = [gcc, '-shared', '-fPIC', f'-Wl,-soname,{soname}', '-o', str(stubs / soname)]
        subprocess.run([*command, str(source)], check=True)
    environment = {**os.environ, 'LD_LIBRARY_PATH': str(stubs), 'PYTHONPATH': str(folder)}
    command = [sys.executable, '-c', _DESCRIBE]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
