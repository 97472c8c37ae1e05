# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part of the fake TensorRT that loads and runs a plan; see fake_tensorrt.py."""

from __future__ import annotations

import ctypes
import json
import weakref

import numpy as np
import onnx
import onnxruntime

MAGIC = b'fakeplan'
_ONNX_DTYPES = {1: ('FLOAT', np.float32), 2: ('UINT8', np.uint8)}
_WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def runtime_classes(module, Counted, call):
    """Return the classes, which know their module.

    Args:
        module: The FakeTensorRt.
        Counted: Their base, which counts what is alive.
        call: Decorator of methods that can be made to fail.
    """
    Severity = module.ILogger.Severity

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
            assert serialized_engine.startswith(MAGIC), 'a real TensorRT crashes on this'
            header = json.loads(serialized_engine[12 : 12 + size])
            if header['version'] != module.__version__ or header['dla'] != self.DLA_core:
                module.last_logger.log(Severity.ERROR, 'the engine plan file is not compatible')
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
            for name, result in zip(names, self.engine._session.run(names, feeds), strict=True):
                values[name][1][...] = result

    return Runtime, ICudaEngine, EngineInspector, IExecutionContext
