# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One loaded plan with its buffers: pinned host memory, own stream, one CUDA graph."""

from collections.abc import Callable
from contextlib import ExitStack
import ctypes
from dataclasses import dataclass
import logging
import math
from typing import Any

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.plans.built_precision import BuiltPrecision
from rtseg_ros.runtime.tensorrt.cudart import Cuda
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import Target, inspected_precision, load_engine

_LOG = logging.getLogger('rtseg_ros.tensorrt')
# Names of trt.DataType.
_DTYPES = {
    'FLOAT': np.float32,
    'HALF': np.float16,
    'INT8': np.int8,
    'UINT8': np.uint8,
    'INT32': np.int32,
    'INT64': np.int64,
    'BOOL': np.bool_,
}


@dataclass(frozen=True)
class Buffer:
    """Memory of one tensor.

    Attributes:
        name: Of the tensor.
        array: The host's view, pinned.
        host: Its address.
        device: Address for the GPU.
        mapped: Both are the same memory, so nothing is copied.
    """

    name: str
    array: np.ndarray
    host: int
    device: int
    mapped: bool


class Session:
    """Runs a plan. Not bound to a thread, but to one at a time; see ``TensorRtEngine``.

    Attributes:
        precision: As built, from the engine inspector.
        outputs: Names of the outputs.
        uses_graph: Whether frames are replayed as a CUDA graph.
    """

    def __init__(
        self, target: Target, content: bytes, options: TensorRtOptions, *, eager: str
    ) -> None:
        """Load a plan and allocate all that a frame needs.

        Args:
            target: With the GPU that the plan was built for; made current by the caller.
            content: The plan.
            options: Those of the plan.
            eager: The output that comes to the host with every run; others on request.

        Raises:
            EngineError: If the plan is refused or memory runs out; nothing stays allocated.
        """
        assert target.cuda is not None
        self._target, self._options, self._eager = target, options, eager
        self._cuda: Cuda = target.cuda
        self._buffers: dict[str, Buffer] = {}
        self._graph: int | None = None
        self.uses_graph = options.cuda_graph
        self._resources = ExitStack()
        with ExitStack() as undo:
            undo.callback(self.close)
            self._resources.callback(self._forget)
            self._runtime, self._engine = load_engine(target.tensorrt, content, options)
            self.precision: BuiltPrecision = inspected_precision(target.tensorrt, self._engine)
            self._context = self._engine.create_execution_context()
            if self._context is None:
                free, total = self._cuda.memory_mib()
                raise EngineError(
                    f'{target.tensorrt.title} cannot create an execution context: '
                    f'{target.tensorrt.said()}. {free} of {total} MiB GPU memory are free'
                )
            self._stream = self._cuda.create_stream()
            self._resources.callback(self._cuda.destroy_stream, self._stream)
            self._input, self.outputs = self._names()
            self._bind()
            undo.pop_all()

    def run(self, image: np.ndarray) -> np.ndarray:
        """Run once and return the eager output; overwritten by the next run.

        Args:
            image: Of the type and shape that ``tensors`` says.
        """
        np.copyto(self._buffers[self._input].array, image)
        if self._graph is not None:
            self._cuda.launch(self._graph, self._stream)
            self._cuda.synchronize(self._stream)
        else:
            self._enqueue()
            self._cuda.synchronize(self._stream)
            if self.uses_graph:  # this first run was the warm-up that a capture needs
                self._capture()
        return self._buffers[self._eager].array

    def fetch(self, name: str) -> np.ndarray:
        """Copy another output of the last run to the host."""
        buffer = self._buffers[name]
        self._copy_to_host(buffer)
        self._cuda.synchronize(self._stream)
        return buffer.array

    def tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return NumPy type and shape of the input and the outputs by name."""
        return {
            name: (buffer.array.dtype.name, buffer.array.shape)
            for name, buffer in self._buffers.items()
        }

    def close(self) -> None:
        """Free everything; arrays that were returned become invalid."""
        with self._resources:
            self._graph = None
            self._buffers = {}

    def _forget(self) -> None:
        # In this order: each belongs to the next.
        self._context = self._engine = self._runtime = None

    def _names(self) -> tuple[str, tuple[str, ...]]:
        engine, mode = self._engine, self._target.tensorrt.api.TensorIOMode
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == mode.INPUT]
        outputs = tuple(name for name in names if name not in inputs)
        if len(inputs) != 1 or self._eager not in outputs:
            raise EngineError(
                f'the plan has inputs {inputs} and outputs {list(outputs)}; expected one input '
                f"and '{self._eager}'"
            )
        return inputs[0], outputs

    def _bind(self) -> None:
        """Allocate the buffers for one image and tell the context where they are."""
        context = self._context
        open_shape = self._engine.get_tensor_shape(self._input)
        shape = tuple(1 if size < 0 else size for size in open_shape)  # an open batch
        if not context.set_input_shape(self._input, shape):
            raise EngineError(
                f'the plan does not take {shape} for {self._input}: {self._target.tensorrt.said()}'
            )
        for name in (self._input, *self.outputs):
            buffer = self._allocated(name, tuple(context.get_tensor_shape(name)))
            self._buffers[name] = buffer
            if not context.set_tensor_address(name, buffer.device):
                raise EngineError(
                    f'{self._target.tensorrt.title} refuses the buffer of {name}: '
                    f'{self._target.tensorrt.said()}'
                )

    def _allocated(self, name: str, shape: tuple[int, ...]) -> Buffer:
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in _DTYPES or min(shape, default=1) < 0:
            raise EngineError(f'{name} of the plan is {kind} {shape}: not a type and size to run')
        dtype: np.dtype[Any] = np.dtype(_DTYPES[kind])
        nbytes = max(math.prod(shape) * dtype.itemsize, 1)
        mapped = self._options.mapped_memory
        host = self._cuda.allocate_host(nbytes, mapped=mapped)
        self._resources.callback(self._cuda.free_host, host)
        if mapped:
            device = self._cuda.device_address(host)
        else:
            device = self._cuda.allocate(nbytes)
            self._resources.callback(self._cuda.free, device)
        memory = (ctypes.c_uint8 * nbytes).from_address(host)
        array: np.ndarray = np.ndarray(shape, dtype, memoryview(memory))
        return Buffer(name, array, host, device, mapped)

    def _enqueue(self) -> None:
        """Enqueue one frame: transfer in, the network, transfer of the eager output."""
        source = self._buffers[self._input]
        if not source.mapped:
            self._cuda.copy_to_device(
                source.device, source.host, source.array.nbytes, self._stream
            )
        if not self._context.execute_async_v3(self._stream):
            raise EngineError(
                f'{self._target.tensorrt.title} failed on a frame: {self._target.tensorrt.said()}'
            )
        self._copy_to_host(self._buffers[self._eager])

    def _copy_to_host(self, buffer: Buffer) -> None:
        if not buffer.mapped:
            self._cuda.copy_to_host(buffer.host, buffer.device, buffer.array.nbytes, self._stream)

    def _capture(self) -> None:
        """Record a frame as a graph; a plan that cannot be recorded runs without, and says so."""
        try:
            self._graph = self._recorded(self._enqueue)
        except EngineError as error:
            self.uses_graph = False
            _LOG.warning('frames run without a CUDA graph: %s', error)

    def _recorded(self, work: Callable[[], None]) -> int:
        context = self._context
        if hasattr(context, 'is_stream_capturable') and not context.is_stream_capturable(
            self._stream
        ):
            raise EngineError(f'{self._target.tensorrt.title} says that it cannot be captured')
        self._cuda.begin_capture(self._stream)
        try:
            work()
        except EngineError:
            self._abandon_capture()
            raise
        graph = self._cuda.end_capture(self._stream)
        try:
            executable = self._cuda.instantiate(graph)
        finally:
            self._cuda.destroy_graph(graph)
        self._resources.callback(self._cuda.destroy_executable, executable)
        return executable

    def _abandon_capture(self) -> None:
        """End a capture that failed, or the stream stays unusable."""
        try:
            self._cuda.destroy_graph(self._cuda.end_capture(self._stream))
        except EngineError as error:
            _LOG.debug('the failed capture ended with %s', error)
