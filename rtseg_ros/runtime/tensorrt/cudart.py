# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The CUDA runtime through ctypes: every call checked, every error by its name.

ctypes on libcudart needs nothing that a machine with TensorRT does not have; the ``cuda-python``
package is another compiled wheel that has to match driver, Python and processor.
"""

from collections.abc import Iterable
import ctypes
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from dataclasses import dataclass
import importlib.util
from pathlib import Path

from rtseg_ros.errors import EngineError

_POINTER, _INT = POINTER(c_void_p), POINTER(c_int)
_SIGNATURES: dict[str, tuple[object, ...]] = {
    'cudaGetDeviceCount': (_INT,),
    'cudaSetDevice': (c_int,),
    'cudaGetDeviceProperties': (c_void_p, c_int),
    'cudaDeviceGetAttribute': (_INT, c_int, c_int),
    'cudaDriverGetVersion': (_INT,),
    'cudaRuntimeGetVersion': (_INT,),
    'cudaMemGetInfo': (POINTER(c_size_t), POINTER(c_size_t)),
    'cudaStreamCreateWithFlags': (_POINTER, c_uint),
    'cudaStreamSynchronize': (c_void_p,),
    'cudaStreamDestroy': (c_void_p,),
    'cudaMalloc': (_POINTER, c_size_t),
    'cudaFree': (c_void_p,),
    'cudaHostAlloc': (_POINTER, c_size_t, c_uint),
    'cudaHostGetDevicePointer': (_POINTER, c_void_p, c_uint),
    'cudaFreeHost': (c_void_p,),
    'cudaMemcpyAsync': (c_void_p, c_void_p, c_size_t, c_int, c_void_p),
    'cudaStreamBeginCapture': (c_void_p, c_int),
    'cudaStreamEndCapture': (c_void_p, _POINTER),
    'cudaGraphInstantiateWithFlags': (_POINTER, c_void_p, c_ulonglong),
    'cudaGraphLaunch': (c_void_p, c_void_p),
    'cudaGraphDestroy': (c_void_p,),
    'cudaGraphExecDestroy': (c_void_p,),
    'cudaGetLastError': (),
}
# Constants of driver_types.h.
_STREAM_NON_BLOCKING = 1
_HOST_ALLOC_MAPPED = 2
_TO_DEVICE, _TO_HOST = 1, 2
_CAPTURE_THREAD_LOCAL = 1
_INTEGRATED, _CAN_MAP_HOST_MEMORY, _MAJOR, _MINOR = 18, 19, 75, 76
# The structure differs between CUDA versions and only grew; the name always comes first.
_PROPERTIES_BYTES, _NAME_BYTES = 16384, 256

_ADVICE = {
    'cudaErrorMemoryAllocation': 'the GPU is out of memory: close other programs on it, or use a '
    'smaller model or input size',
    'cudaErrorInsufficientDriver': 'no NVIDIA driver, or one older than this CUDA runtime: '
    'check nvidia-smi (on a Jetson: tegrastats), and in a container --runtime nvidia',
    'cudaErrorNoDevice': 'check nvidia-smi, CUDA_VISIBLE_DEVICES, and in a container '
    '--runtime nvidia',
    'cudaErrorIllegalAddress': 'the CUDA context of this process is lost: restart the process',
    'cudaErrorLaunchFailure': 'the CUDA context of this process is lost: restart the process',
    'cudaErrorECCUncorrectable': 'the GPU has a memory fault: reboot, then test the hardware',
}


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes:
        index: Number that CUDA gives it.
        name: E.g. ``Orin`` or ``NVIDIA GeForce RTX 3060``.
        compute_capability: E.g. ``8.7``.
        integrated: It shares the memory of the processor, as on a Jetson.
        can_map_host_memory: It can work on pinned host memory in place.
    """

    index: int
    name: str
    compute_capability: str
    integrated: bool
    can_map_host_memory: bool


class Cuda:
    """Checked calls into one libcudart. Streams, graphs and memory are plain addresses."""

    def __init__(self, library: str) -> None:
        """Load a library.

        Args:
            library: File name or path, as for ``dlopen``.

        Raises:
            EngineError: If it cannot be loaded or is too old.
        """
        self.library = library
        try:
            self._dll = ctypes.CDLL(library)
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._dll, name)
                function.argtypes, function.restype = arguments, c_int
            for name in ('cudaGetErrorName', 'cudaGetErrorString'):
                function = getattr(self._dll, name)
                function.argtypes, function.restype = (c_int,), c_char_p
        except OSError as error:
            raise EngineError(f'CUDA runtime {library} cannot be loaded: {error}') from error
        except AttributeError as error:
            raise EngineError(
                f'CUDA runtime {library} is too old, CUDA 11.4 is the oldest that works: {error}'
            ) from error

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._dll, name)(*arguments)
        if code == 0:
            return
        self._dll.cudaGetLastError()  # or the next caller in this thread gets this error too
        error = (self._dll.cudaGetErrorName(code) or b'unknown error').decode()
        text = (self._dll.cudaGetErrorString(code) or b'').decode()
        advice = f'; {_ADVICE[error]}' if error in _ADVICE else ''
        raise EngineError(f'{name}: {error} ({code}), {text}{advice}')

    def _integer(self, name: str, *arguments: object) -> int:
        value = c_int()
        self._call(name, ctypes.byref(value), *arguments)
        return value.value

    def _address(self, name: str, *arguments: object) -> int:
        value = c_void_p()
        self._call(name, ctypes.byref(value), *arguments)
        return _not_null(name, value)

    def device_count(self) -> int:
        """Return how many GPUs this process may use; raises if there is no driver."""
        return self._integer('cudaGetDeviceCount')

    def select(self, index: int) -> None:
        """Make a GPU the current one of the calling thread."""
        self._call('cudaSetDevice', index)

    def device(self, index: int) -> Device:
        """Describe a GPU."""
        properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        self._call('cudaGetDeviceProperties', properties, index)
        major, minor, integrated, mappable = (
            self._integer('cudaDeviceGetAttribute', attribute, index)
            for attribute in (_MAJOR, _MINOR, _INTEGRATED, _CAN_MAP_HOST_MEMORY)
        )
        return Device(
            index=index,
            name=properties.raw[:_NAME_BYTES].split(b'\0')[0].decode('utf-8', 'replace'),
            compute_capability=f'{major}.{minor}',
            integrated=bool(integrated),
            can_map_host_memory=bool(mappable),
        )

    def driver_version(self) -> str:
        """Return the newest CUDA version that the driver serves, e.g. ``12.6``."""
        return _dotted(self._integer('cudaDriverGetVersion'))

    def runtime_version(self) -> str:
        """Return the version of this library, e.g. ``12.6``."""
        return _dotted(self._integer('cudaRuntimeGetVersion'))

    def memory_mib(self) -> tuple[int, int]:
        """Return free and total memory of the current GPU."""
        free, total = c_size_t(), c_size_t()
        self._call('cudaMemGetInfo', ctypes.byref(free), ctypes.byref(total))
        return free.value >> 20, total.value >> 20

    def create_stream(self) -> int:
        """Create a stream that does not wait for the default stream."""
        return self._address('cudaStreamCreateWithFlags', _STREAM_NON_BLOCKING)

    def synchronize(self, stream: int) -> None:
        """Wait for a stream; errors of earlier asynchronous calls may surface here."""
        self._call('cudaStreamSynchronize', stream)

    def destroy_stream(self, stream: int) -> None:
        """Free a stream."""
        self._call('cudaStreamDestroy', stream)

    def allocate(self, nbytes: int) -> int:
        """Allocate device memory."""
        return self._address('cudaMalloc', nbytes)

    def free(self, address: int) -> None:
        """Free device memory."""
        self._call('cudaFree', address)

    def allocate_host(self, nbytes: int, *, mapped: bool = False) -> int:
        """Allocate pinned host memory; if mapped, the GPU can use it in place."""
        return self._address('cudaHostAlloc', nbytes, _HOST_ALLOC_MAPPED if mapped else 0)

    def device_address(self, host: int) -> int:
        """Return the address under which the GPU sees mapped host memory."""
        return self._address('cudaHostGetDevicePointer', host, 0)

    def free_host(self, address: int) -> None:
        """Free pinned host memory."""
        self._call('cudaFreeHost', address)

    def copy_to_device(self, device: int, host: int, nbytes: int, stream: int) -> None:
        """Enqueue a copy; the host memory must be pinned and stay."""
        self._call('cudaMemcpyAsync', device, host, nbytes, _TO_DEVICE, stream)

    def copy_to_host(self, host: int, device: int, nbytes: int, stream: int) -> None:
        """Enqueue a copy; the host memory must be pinned and stay."""
        self._call('cudaMemcpyAsync', host, device, nbytes, _TO_HOST, stream)

    def begin_capture(self, stream: int) -> None:
        """Record what is enqueued from now on instead of doing it.

        Only the calling thread is held to what a capture allows: another thread may load a
        second engine meanwhile.
        """
        self._call('cudaStreamBeginCapture', stream, _CAPTURE_THREAD_LOCAL)

    def end_capture(self, stream: int) -> int:
        """Stop recording and return the graph."""
        graph = c_void_p()
        self._call('cudaStreamEndCapture', stream, ctypes.byref(graph))
        return _not_null('cudaStreamEndCapture', graph)

    def instantiate(self, graph: int) -> int:
        """Make a recorded graph ready to run; returns the executable graph."""
        return self._address('cudaGraphInstantiateWithFlags', graph, 0)

    def launch(self, executable: int, stream: int) -> None:
        """Enqueue an executable graph."""
        self._call('cudaGraphLaunch', executable, stream)

    def destroy_graph(self, graph: int) -> None:
        """Free a recorded graph."""
        self._call('cudaGraphDestroy', graph)

    def destroy_executable(self, executable: int) -> None:
        """Free an executable graph."""
        self._call('cudaGraphExecDestroy', executable)


def _not_null(name: str, address: c_void_p) -> int:
    if not address.value:
        raise EngineError(f'{name} succeeded but returned a null pointer')
    return address.value


def _dotted(version: int) -> str:
    return f'{version // 1000}.{version % 1000 // 10}'


def candidate_libraries() -> list[str]:
    """Return where libcudart may be: the system, CUDA's folder, Python wheels; newest first."""
    names = [f'libcudart.so.{version}' for version in ('13', '12', '11.0')]
    found = ['libcudart.so', *names]
    toolkit = Path('/usr/local/cuda/lib64')
    found += [str(path) for name in ('libcudart.so', *names) if (path := toolkit / name).exists()]
    wheels = importlib.util.find_spec('nvidia')
    for folder in wheels.submodule_search_locations or () if wheels else ():
        found += [str(path) for path in sorted(Path(folder).glob('*/lib/libcudart.so*'))[::-1]]
    return found


def open_cuda(libraries: Iterable[str] | None = None) -> Cuda:
    """Load the first CUDA runtime that sees a GPU.

    Several can be installed, and one that is newer than the driver sees none.

    Args:
        libraries: What to try; ``candidate_libraries()`` if None.

    Raises:
        EngineError: If none does, with what each one said.
    """
    said: dict[str, None] = {}
    for library in candidate_libraries() if libraries is None else libraries:
        try:
            cuda = Cuda(library)
            if cuda.device_count() > 0:
                return cuda
            said[f'{library}: cudaGetDeviceCount found 0 GPUs'] = None
        except EngineError as error:
            said[str(error)] = None
    # A library that loads and finds no GPU says more than those that are not installed.
    loaded = [text for text in said if 'cannot be loaded' not in text]
    raise EngineError(
        'there is no NVIDIA GPU that this process can use: '
        + ' | '.join(loaded or said)
        + ". To run without one: engine 'onnxruntime'"
    )
