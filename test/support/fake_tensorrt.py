# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A TensorRT without a GPU, in the shape of the real Python API.

It parses with onnx, "builds" a plan that is the ONNX file in an envelope, and runs it with ONNX
Runtime on the memory of the fake CUDA runtime, whose addresses it checks. Failures are reported
the way TensorRT reports them: None or False, and a line in the log. ``FakeTensorRt.faults`` makes
a call fail. ``test_tensorrt_api.py`` holds this shape against the real bindings.
"""

from __future__ import annotations

from collections import Counter
import enum
import functools
import importlib.machinery
import json
import time
import types

from fake_tensorrt_runtime import MAGIC, runtime_classes
import onnx
from tensorrt_rules import forbidden_casts


class FakeTensorRt(types.ModuleType):
    """The module; one instance per test.

    Attributes:
        built_with: Settings of the last build.
        faults: Method name -> what it returns instead, once; or an exception to raise.
        calls: Names of the methods called, in order.
        alive: Number of live objects by class name.
        pause_s: What each of the four steps of a build takes.
        precision: What the inspector reports for the convolutions.
    """

    def __init__(self, version, cuda):
        super().__init__('tensorrt')
        self.__version__ = version
        self.__spec__ = importlib.machinery.ModuleSpec('tensorrt', None)  # torch looks for one
        self.faults, self.calls, self.alive = {}, [], Counter()
        self.precision = self.built_with = None
        self.dla_cores = self.pause_s = 0
        self.dla_layers = set()
        self._cuda = cuda
        self._major = int(version.split('.')[0])
        self._define_enums()
        self._define_classes()

    def _define_enums(self):
        major = self._major

        def members(name, *words):
            setattr(self, name, enum.Enum(name, {w: i for i, w in enumerate(words)}))

        flags = ['TF32', 'GPU_FALLBACK'] + (['FP16', 'INT8'] if major < 11 else [])
        self.BuilderFlag = enum.IntEnum('BuilderFlag', flags, start=0)
        creation = ['EXPLICIT_BATCH'] if major < 11 else []
        creation += ['STRONGLY_TYPED'] if major >= 10 else []
        self.NetworkDefinitionCreationFlag = enum.IntEnum(
            'NetworkDefinitionCreationFlag', creation, start=0 if major < 11 else 1
        )
        members('DataType', 'FLOAT', 'HALF', 'INT8', 'INT32', 'BOOL', 'UINT8')
        members('TensorIOMode', 'NONE', 'INPUT', 'OUTPUT')
        members('MemoryPoolType', 'WORKSPACE')
        members('ProfilingVerbosity', 'LAYER_NAMES_ONLY', 'NONE', 'DETAILED')
        members('LayerInformationFormat', 'ONELINE', 'JSON')
        members('DeviceType', 'GPU', 'DLA')
        members('HardwareCompatibilityLevel', 'NONE', 'AMPERE_PLUS')
        adjusts = ['ADJUST_FOR_DLA'] if major >= 11 else []
        members('OnnxParserFlag', 'NATIVE_INSTANCENORM', *adjusts)

    def _define_classes(self):
        module, major = self, self._major

        class Counted:
            def __new__(cls, *args):
                module.alive[cls.__name__] += 1
                return super().__new__(cls)

            def __del__(self):
                module.alive[type(self).__name__] -= 1

        def call(method):
            name = method.__name__

            @functools.wraps(method)
            def wrapped(self, *args):
                module.calls.append(name)
                if name in module.faults:
                    result = module.faults.pop(name)
                    if isinstance(result, BaseException):
                        raise result
                    logger = module.last_logger
                    logger.log(Severity.ERROR, f'fake fault in {name}')
                    return result
                return method(self, *args)

            return wrapped

        Severity = enum.Enum('Severity', 'INTERNAL_ERROR ERROR WARNING INFO VERBOSE')

        class ILogger:
            def __init__(self):
                module.last_logger = self

        ILogger.Severity = Severity

        class Builder(Counted):
            logger = None

            def __init__(self, logger):
                if module._cuda.fake_device_count() < 1:
                    raise TypeError('pybind11::init(): factory function returned nullptr')
                self.logger = logger
                fault = module.faults.pop('Builder', None)
                if fault:
                    raise fault

            @property
            def num_DLA_cores(self):
                return module.dla_cores

            @call
            def create_network(self, flags=0):
                strong = 'STRONGLY_TYPED' in creation_flags(flags)
                return INetworkDefinition(self, strong)

            @call
            def create_builder_config(self):
                return IBuilderConfig(self)

            @call
            def create_optimization_profile(self):
                return IOptimizationProfile()

            @call
            def build_serialized_network(self, network, config):
                shape = onnx.load_from_string(network._content).graph.input[0].type.tensor_type
                if any(not d.HasField('dim_value') for d in shape.shape.dim):
                    if config._profile is None:
                        module.last_logger.log(
                            Severity.ERROR, 'Network has dynamic inputs, but no profile'
                        )
                        return None
                monitor = getattr(config, 'progress_monitor', None)
                if monitor is not None and not run_phases(monitor):
                    return None
                plan = {
                    'version': module.__version__,
                    'strong': network._strong,
                    'verbosity': config.profiling_verbosity.name,
                    'flags': sorted(flag.name for flag in config._flags),
                    'dla': config.DLA_core,
                    'device': config.default_device_type.name,
                    'pool': config._pool,
                    'timings': config._timing._content.decode(),
                    'parser': sorted(network._parser_flags),
                }
                module.built_with = plan
                header = json.dumps(plan).encode()
                content = network._content
                return IHostMemory(MAGIC + len(header).to_bytes(4, 'big') + header + content)

        def creation_flags(bits):
            return {f.name for f in module.NetworkDefinitionCreationFlag if bits >> f & 1}

        def run_phases(monitor):
            monitor.phase_start('Building engine', None, 2)
            ok = monitor.step_complete('Building engine', 0)
            monitor.phase_start('Timing tactics', 'Building engine', 4)
            for step in range(4):
                if ok:
                    time.sleep(module.pause_s)
                    ok = monitor.step_complete('Timing tactics', step)
            monitor.phase_finish('Timing tactics')
            ok = ok and monitor.step_complete('Building engine', 1)
            monitor.phase_finish('Building engine')
            return ok

        class ILayer(Counted):
            name = ''

            def __init__(self, node):
                self.name = node.name

        class INetworkDefinition(Counted):
            num_outputs = num_layers = 0

            def __init__(self, builder, strong):
                self.builder, self._strong, self._content = builder, strong, None
                self._parser_flags = set()

            def get_layer(self, index):
                return ILayer(onnx.load_from_string(self._content).graph.node[index])

        class IOptimizationProfile(Counted):
            def set_shape(self, input, min, opt, max):
                self._shapes = {input: (min, opt, max)}

        class IHostMemory(Counted):
            def __init__(self, content):
                self._content = content

            def __bytes__(self):  # the real one has the buffer protocol
                return self._content

        class ITimingCache(Counted):
            def __init__(self, content):
                self._content = content

            def combine(self, input_cache, ignore_mismatch):
                lines = {*self._content.splitlines(), *input_cache._content.splitlines()}
                self._content = b'\n'.join(sorted(lines))
                return True

            def serialize(self):
                return IHostMemory(self._content or b'timing of this build')

        class IBuilderConfig(Counted):
            profiling_verbosity = module.ProfilingVerbosity.LAYER_NAMES_ONLY
            default_device_type, DLA_core = module.DeviceType.GPU, -1
            if major >= 10:
                progress_monitor = None

            def __init__(self, builder):
                self._flags = {module.BuilderFlag.TF32}
                self._pool = {}
                self._timing = self._profile = None

            @call
            def add_optimization_profile(self, profile):
                self._profile = profile
                return 0

            def set_flag(self, flag):
                self._flags.add(flag)

            def clear_flag(self, flag):
                self._flags.discard(flag)

            def set_memory_pool_limit(self, pool, pool_size):
                self._pool[pool.name] = pool_size

            @call
            def create_timing_cache(self, serialized_timing_cache):
                return ITimingCache(serialized_timing_cache)

            @call
            def set_timing_cache(self, cache, ignore_mismatch):
                self._timing = cache
                return True

            def get_timing_cache(self):
                return self._timing

            def can_run_on_DLA(self, layer):
                return layer.name in module.dla_layers

        class ParserError(Counted):
            def __init__(self, node, text):
                self._node, self._text = node, text

            def node(self):
                return self._node

            def desc(self):
                return self._text

        if major >= 10:
            ParserError.node_name = lambda self: 'finish/resize'
            ParserError.node_operator = lambda self: 'Resize'

        class OnnxParser(Counted):
            def __init__(self, network, logger):
                self._network, self._errors = network, []

            @property
            def num_errors(self):
                return len(self._errors)

            def get_error(self, index):
                return self._errors[index]

            def set_flag(self, flag):
                self._network._parser_flags.add(flag.name)

            def parse(self, model, path=None):
                module.calls.append('parse')
                if 'parse' in module.faults:
                    self._errors = [ParserError(*e) for e in module.faults.pop('parse')]
                    return False
                loaded = onnx.load_from_string(model)
                graph = loaded.graph
                assert not forbidden_casts(loaded), 'TensorRT documents that it refuses these'
                self._network._content = model
                self._network.num_outputs = len(graph.output)
                self._network.num_layers = len(graph.node)
                return True

        if major >= 10:

            class IProgressMonitor:
                pass

            self.IProgressMonitor = IProgressMonitor
        for thing in (
            ILogger, Builder, INetworkDefinition, IBuilderConfig, IHostMemory, ITimingCache,
            ILayer, IOptimizationProfile, OnnxParser, ParserError,
        ):  # fmt: skip
            setattr(self, thing.__name__, thing)
        for thing in runtime_classes(self, Counted, call):
            setattr(self, thing.__name__, thing)
