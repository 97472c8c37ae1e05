"""A TensorRT without a GPU, in the shape of the real Python API.

It parses with onnx, "builds" a plan that is the ONNX file in an envelope, and runs it with ONNX
Runtime on the memory of the fake CUDA runtime, whose addresses it checks. Failures are reported
the way TensorRT reports them: None or False, and a line in the log. ``FakeTensorRt.faults`` makes
a call fail. ``test_tensorrt_api.py`` holds this shape against the real bindings.
"""

from __future__ import annotations

from collections import Counter
import ctypes
import enum
import functools
import json
import types
import weakref

import numpy as np
import onnx
import onnxruntime

STYLES = ('8.6.1', '10.3.0', '10.16.1.11', '11.4.0.106')
_ONNX_DTYPES = {1: ('FLOAT', np.float32), 2: ('UINT8', np.uint8)}
_MAGIC = b'fakeplan'


class FakeTensorRt(types.ModuleType):
    """The module; one instance per test.

    Attributes:
        built_with: Settings of the last build.
        faults: Method name -> what it returns instead, once; or an exception to raise.
        calls: Names of the methods called, in order.
        alive: Number of live objects by class name.
        precision: What the inspector reports for the convolutions.
    """

    def __init__(self, version, cuda):
        super().__init__('tensorrt')
        self.__version__ = version
        self.faults, self.calls, self.alive = {}, [], Counter()
        self.precision = self.built_with = None
        self.dla_cores = 0
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
            def build_serialized_network(self, network, config):
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
                }
                module.built_with = plan
                header = json.dumps(plan).encode()
                content = network._content
                return IHostMemory(_MAGIC + len(header).to_bytes(4, 'big') + header + content)

        def creation_flags(bits):
            return {f.name for f in module.NetworkDefinitionCreationFlag if bits >> f & 1}

        def run_phases(monitor):
            monitor.phase_start('Building engine', None, 2)
            ok = monitor.step_complete('Building engine', 0)
            monitor.phase_start('Timing tactics', 'Building engine', 4)
            for step in range(4):
                ok = ok and monitor.step_complete('Timing tactics', step)
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

            def get_layer(self, index):
                return ILayer(onnx.load_from_string(self._content).graph.node[index])

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
                self._timing = None

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

            def parse(self, model, path=None):
                module.calls.append('parse')
                if 'parse' in module.faults:
                    self._errors = [ParserError(*e) for e in module.faults.pop('parse')]
                    return False
                graph = onnx.load_from_string(model).graph
                self._network._content = model
                self._network.num_outputs = len(graph.output)
                self._network.num_layers = len(graph.node)
                return True

        class Runtime(Counted):
            logger, DLA_core = None, -1

            def __init__(self, logger):
                if module._cuda.fake_device_count() < 1:
                    raise TypeError('pybind11::init(): factory function returned nullptr')
                self.logger = logger
                fault = module.faults.pop('Runtime', None)
                if fault:
                    raise fault

            @call
            def deserialize_cuda_engine(self, serialized_engine):
                size = int.from_bytes(serialized_engine[8:12], 'big')
                assert serialized_engine.startswith(_MAGIC), 'a real TensorRT crashes on this'
                header = json.loads(serialized_engine[12 : 12 + size])
                if header['version'] != module.__version__ or header['dla'] != self.DLA_core:
                    module.last_logger.log(
                        Severity.ERROR, 'the engine plan file is not compatible'
                    )
                    return None
                return ICudaEngine(self, header, serialized_engine[12 + size :])

        class ICudaEngine(Counted):
            num_io_tensors = 0

            def __init__(self, runtime, header, content):
                self._runtime, self._header = runtime, header
                self._session = onnxruntime.InferenceSession(content)
                graph = onnx.load_from_string(content).graph
                self._io = {}
                for mode, values in (('INPUT', graph.input), ('OUTPUT', graph.output)):
                    for value in values:
                        tensor = value.type.tensor_type
                        shape = tuple(d.dim_value or -1 for d in tensor.shape.dim)
                        self._io[value.name] = (mode, _ONNX_DTYPES[tensor.elem_type], shape)
                self.num_io_tensors = len(self._io)

            def get_tensor_name(self, index):
                return list(self._io)[index]

            def get_tensor_mode(self, name):
                return module.TensorIOMode[self._io[name][0]]

            def get_tensor_dtype(self, name):
                return module.DataType[self._io[name][1][0]]

            def get_tensor_shape(self, name):
                return self._io[name][2]

            @call
            def create_execution_context(self):
                return IExecutionContext(self)

            @call
            def create_engine_inspector(self):
                return EngineInspector(self)

        class EngineInspector(Counted):
            def __init__(self, engine):
                self._engine = engine

            def get_engine_information(self, format):
                if self._engine._header['verbosity'] != 'DETAILED':
                    return json.dumps({'Layers': ['conv1', 'conv2']})
                half = 'FP16' in self._engine._header['flags']
                kind = module.precision or ('Half' if half else 'Float')
                layers = [
                    {'Name': f'conv{i}', 'LayerType': 'CaskConvolution', 'Weights': {'Type': kind}}
                    for i in range(3)
                ]
                if self._engine._header['dla'] >= 0:
                    io = [{'Name': 'x', 'Format/Datatype': 'Half'}]
                    layers = [{'Name': 'dla0', 'LayerType': 'DLA', 'Inputs': io}]
                return json.dumps({'Layers': layers, 'Bindings': list(self._engine._io)})

        class IExecutionContext(Counted):
            engine = None

            def __init__(self, engine):
                self.engine = engine
                self._addresses, self._shape, self._warm = {}, None, False
                run = weakref.WeakMethod(self._run)  # no cycle: the real one is freed at once
                self._work = _WORK(lambda argument: run()())

            @call
            def set_input_shape(self, name, shape):
                known = self.engine._io[name][2]
                if len(shape) != len(known) or any(
                    k not in (-1, s) for k, s in zip(known, shape, strict=True)
                ):
                    module.last_logger.log(Severity.ERROR, 'shape out of range of the profile')
                    return False
                self._shape, self._warm = tuple(shape), False
                return True

            def get_tensor_shape(self, name):
                mode, _, known = self.engine._io[name]
                if mode == 'INPUT':
                    return self._shape
                # Only the batch is ever open in the tests.
                return tuple(self._shape[0] if k == -1 else k for k in known)

            @call
            def set_tensor_address(self, name, memory):
                self._addresses[name] = memory
                return True

            @call
            def execute_async_v3(self, stream_handle):
                sizes = {}
                for name, (_, (_, dtype), _) in self.engine._io.items():
                    nbytes = int(np.prod(self.get_tensor_shape(name))) * np.dtype(dtype).itemsize
                    sizes[name] = nbytes
                    assert module._cuda.fake_usable(self._addresses[name], nbytes), (
                        f'a real GPU reads or writes {nbytes} bytes of {name} out of bounds here'
                    )
                if module._cuda.fake_capturing() and not self._warm:
                    module.last_logger.log(Severity.ERROR, 'capture before the first enqueue')
                    return False
                self._warm = True
                return module._cuda.fake_enqueue(stream_handle, self._work, None) == 0

            def _run(self):
                values = {}
                for name, (mode, (_, dtype), _) in self.engine._io.items():
                    shape = self.get_tensor_shape(name)
                    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
                    memory = (ctypes.c_uint8 * nbytes).from_address(self._addresses[name])
                    values[name] = (mode, np.ndarray(shape, dtype, memory))
                feeds = {n: a for n, (mode, a) in values.items() if mode == 'INPUT'}
                names = [n for n, (mode, _) in values.items() if mode == 'OUTPUT']
                for name, result in zip(
                    names, self.engine._session.run(names, feeds), strict=True
                ):
                    values[name][1][...] = result

        if major >= 10:

            class IProgressMonitor:
                pass

            self.IProgressMonitor = IProgressMonitor
        for thing in (
            ILogger, Builder, INetworkDefinition, IBuilderConfig, IHostMemory, ITimingCache,
            ILayer, OnnxParser, ParserError, Runtime, ICudaEngine, EngineInspector,
            IExecutionContext,
        ):  # fmt: skip
            setattr(self, thing.__name__, thing)


_WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
