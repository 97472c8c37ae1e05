# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The backend against the real bindings of six TensorRT versions: no use that one lacks.

What is used is read from the source (tensorrt_uses.py), and once more seen at run time: the fake
TensorRT is cut down to what the real bindings have, and the engine must still work.
"""

from dataclasses import replace
import inspect
import sys

from fake_tensorrt import FakeTensorRt
import numpy as np
import pytest
from tensorrt_uses import MODULE, backend_sources, uses_in
from tensorrt_wheels import BINDINGS, described_bindings
from tiny_model import write_model

from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt import library as tensorrt_library
from rtseg_ros.runtime.tensorrt import plan as tensorrt_plan
from rtseg_ros.runtime.tensorrt.cudart import open_cuda
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

pytestmark = pytest.mark.downloads


@pytest.fixture(scope='module')
def describe(request, gcc, tmp_path_factory):
    """Return a function from a version to its classes: attribute -> [result, parameters]."""
    known = {}

    def described(version):
        if version not in known:
            stubs = tmp_path_factory.mktemp(f'stubs{version}')
            known[version] = described_bindings(request.config.cache, gcc, version, stubs)
        return known[version]

    return described


@pytest.fixture(scope='module', params=BINDINGS)
def version(request):
    return request.param


@pytest.fixture(scope='module')
def real(describe, version):
    """What the bindings of one version have."""
    return describe(version)


def missing(uses, real):
    """Return the unguarded uses that these bindings lack."""

    def there(use):
        if use.owner == MODULE:
            return use.attribute in real
        return use.attribute in real.get(use.owner, {})

    return {use for use in uses if not use.guarded and not there(use)}


def test_every_use_is_there_or_guarded(real, version):
    uses = uses_in(backend_sources(), real)
    assert missing(uses, real) == set(), f'TensorRT {version} lacks these'


def test_guarded_uses_exist_somewhere(describe):
    """A misspelt name behind hasattr would be skipped for ever."""
    versions = [describe(version) for version in BINDINGS]
    rtx_only = {
        'ComputeCapability', 'num_compute_capabilities', 'set_compute_capability',
        'is_stream_capturable',
    }  # fmt: skip
    guarded = {
        use
        for real in versions
        for use in uses_in(backend_sources(), real)
        if use.guarded and use.attribute not in rtx_only
    }
    assert guarded
    lacking = [missing({replace(use, guarded=False) for use in guarded}, r) for r in versions]
    assert set.intersection(*lacking) == set()


def test_the_source_is_really_read(real):
    """The walk finds uses in every module, through parameters, calls, tuples and loops."""
    found = {(use.owner, use.attribute) for use in uses_in(backend_sources(), real)}
    assert {
        (MODULE, 'Builder'),
        ('Builder', 'create_network'),  # the result of a function of ours
        ('INetworkDefinition', 'num_outputs'),  # a local variable
        ('IBuilderConfig', 'set_memory_pool_limit'),  # a parameter
        ('BuilderFlag', 'GPU_FALLBACK'),  # an enumeration
        ('ParserError', 'desc'),
        ('ILayer', 'name'),  # elements of a list
        ('ITimingCache', 'combine'),
        ('IOptimizationProfile', 'set_shape'),  # the result of a method of theirs
        ('Runtime', 'deserialize_cuda_engine'),
        ('ICudaEngine', 'create_execution_context'),  # an attribute, set from a tuple
        ('IExecutionContext', 'execute_async_v3'),
        ('EngineInspector', 'get_engine_information'),
        ('TensorIOMode', 'INPUT'),
    } <= found
    assert len(found) > 50


BUILD, PLAN, SESSION = 'build.py', 'plan.py', 'session.py'
TYPED = "strong and hasattr(api.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED')"
SLIPS = [
    (BUILD, 'config.clear_flag(', 'config.max_workspace_size; config.clear_flag('),
    (BUILD, 'config.DLA_core = ', 'builder.platform_has_fast_fp16; config.DLA_core = '),
    (BUILD, 'api.BuilderFlag.TF32', 'api.BuilderFlag.BF16'),
    (BUILD, "if hasattr(error, 'node_name') and ", 'if True and '),
    (BUILD, " and hasattr(api.OnnxParserFlag, 'ADJUST_FOR_DLA')", ''),
    (BUILD, TYPED, 'strong'),
    (PLAN, 'inspector = engine.', 'engine.num_bindings; inspector = engine.'),
    (SESSION, 'self._context.execute_async_v3(', 'self._context.execute_async_v2('),
    (SESSION, "hasattr(context, 'is_stream_capturable') and ", ''),
]


@pytest.mark.parametrize(('module', 'before', 'after'), SLIPS)
def test_an_unguarded_use_is_caught(describe, module, before, after):
    """Each slip works on some version and must fail the test above on another."""
    sources = backend_sources()
    assert before in sources[module], 'the source has changed: mend this test'
    sources[module] = sources[module].replace(before, after, 1)
    caught = set()
    for version in BINDINGS:
        caught |= missing(uses_in(sources, describe(version)), describe(version))
    assert caught
    assert all(use.place.startswith(module) for use in caught)


def test_the_fake_has_the_shape_of_the_real_one(gpu, real, version):
    """What the other tests rely on is no fiction: names and parameters are the real ones."""
    fake = FakeTensorRt(version, gpu)
    for name, thing in vars(fake).items():
        if not isinstance(thing, type):
            continue
        assert name in real
        members = [m for m in getattr(thing, '__members__', vars(thing)) if m[0] != '_']
        assert set(members) <= set(real[name]), name
        for member in members:
            function, (_, parameters) = getattr(thing, member), real[name][member]
            code = getattr(inspect.unwrap(function), '__code__', None)
            if parameters and code is not None:
                ours = code.co_varnames[1 : code.co_argcount]
                # The fake may leave out what has a default and the backend does not give.
                assert list(ours) == parameters[1:][: len(ours)], f'{name}.{member}'


def test_the_engine_works_with_what_the_real_one_has(
    gpu, cudart_library, real, version, monkeypatch, tmp_path
):
    """The same at run time, DLA and all; the fake loses what this version lacks."""
    fake = FakeTensorRt(version, gpu)
    for name, thing in list(vars(fake).items()):
        if isinstance(thing, type) and name not in real:
            delattr(fake, name)
        elif isinstance(thing, type) and not hasattr(thing, '__members__'):
            for member in [m for m in vars(thing) if m[0] != '_' and m not in real[name]]:
                delattr(thing, member)
    monkeypatch.setitem(sys.modules, 'tensorrt', fake)
    monkeypatch.setattr(tensorrt_plan, 'open_cuda', lambda: open_cuda([cudart_library]))
    tensorrt_library.load_tensorrt.cache_clear()
    fake.dla_cores, fake.dla_layers = 1, {'conv'}
    model = read_model_file(write_model(tmp_path / 'tiny.onnx', precision='fp16'))
    image = np.zeros((1, 32, 48, 3), np.uint8)
    for change in ({}, {'dla_core': 0, 'workspace_mib': 16}):
        options = TensorRtOptions(cache_folder=str(tmp_path / 'cache'), **change)
        engine = TensorRtEngine(model, options, progress=lambda fraction, phase: None)
        for _ in range(3):
            engine.infer(image)
        engine.close()
    tensorrt_library.load_tensorrt.cache_clear()
