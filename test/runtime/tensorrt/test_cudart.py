# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The CUDA layer against a CUDA runtime made of C: calls, errors by name, what stays alive."""

import ctypes

import pytest
from tensorrt_wheels import CUDA_RUNTIMES, fetched

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.tensorrt.cudart import Cuda, candidate_libraries, open_cuda


@pytest.fixture
def cuda(gpu, cudart_library):
    return Cuda(cudart_library)


def test_device_and_versions_are_read(cuda):
    device = cuda.device(0)
    assert (device.name, device.compute_capability) == ('Fake Orin', '8.7')
    assert device.integrated
    assert device.can_map_host_memory
    assert (cuda.driver_version(), cuda.runtime_version()) == ('12.6', '12.2')
    assert cuda.memory_mib() == (8192, 8192)


def test_a_round_trip_through_device_memory(cuda, gpu):
    stream, host, device = cuda.create_stream(), cuda.allocate_host(64), cuda.allocate(64)
    ctypes.memmove(host, bytes(range(64)), 64)
    cuda.copy_to_device(device, host, 64, stream)
    ctypes.memset(host, 0, 64)
    cuda.copy_to_host(host, device, 64, stream)
    cuda.synchronize(stream)
    assert ctypes.string_at(host, 64) == bytes(range(64))
    cuda.free(device)
    cuda.free_host(host)
    cuda.destroy_stream(stream)
    assert gpu.fake_alive(0) == 0


def test_a_graph_replays_what_was_recorded(cuda, gpu):
    stream, host, device = cuda.create_stream(), cuda.allocate_host(4), cuda.allocate(4)
    back = cuda.allocate_host(4)
    cuda.begin_capture(stream)
    cuda.copy_to_device(device, host, 4, stream)
    cuda.copy_to_host(back, device, 4, stream)
    graph = cuda.end_capture(stream)
    executable = cuda.instantiate(graph)
    cuda.destroy_graph(graph)
    assert ctypes.string_at(back, 4) == bytes(4)  # recorded, not done
    ctypes.memmove(host, b'abcd', 4)
    cuda.launch(executable, stream)
    cuda.synchronize(stream)
    assert ctypes.string_at(back, 4) == b'abcd'
    cuda.destroy_executable(executable)
    for free, address in ((cuda.free, device), (cuda.free_host, host), (cuda.free_host, back)):
        free(address)
    cuda.destroy_stream(stream)
    assert gpu.fake_alive(0) == 0


def test_mapped_memory_has_a_device_address_and_pinned_memory_has_not(cuda):
    mapped, pinned = cuda.allocate_host(16, mapped=True), cuda.allocate_host(16)
    assert cuda.device_address(mapped) == mapped  # the fake's; a real one may differ
    with pytest.raises(EngineError, match='cudaHostGetDevicePointer: cudaErrorInvalidValue'):
        cuda.device_address(pinned)


@pytest.mark.parametrize(
    ('call', 'arguments'),
    [
        ('cudaMalloc', lambda c: c.allocate(8)),
        ('cudaHostAlloc', lambda c: c.allocate_host(8)),
        ('cudaStreamCreateWithFlags', lambda c: c.create_stream()),
        ('cudaGetDeviceProperties', lambda c: c.device(0)),
        ('cudaDeviceGetAttribute', lambda c: c.device(0)),
        ('cudaDriverGetVersion', lambda c: c.driver_version()),
        ('cudaRuntimeGetVersion', lambda c: c.runtime_version()),
        ('cudaMemGetInfo', lambda c: c.memory_mib()),
        ('cudaSetDevice', lambda c: c.select(0)),
        ('cudaGetDeviceCount', lambda c: c.device_count()),
    ],
)
def test_every_error_carries_the_names_of_call_and_error(cuda, gpu, call, arguments):
    gpu.fake_fail(call.encode(), 700, 0)
    with pytest.raises(EngineError, match=f'{call}: cudaErrorIllegalAddress \\(700\\).*restart'):
        arguments(cuda)
    assert gpu.fake_last_error() == 0, 'the error was left for the next caller in this thread'


def test_out_of_memory_says_what_to_do(cuda, gpu):
    gpu.fake_memory(1 << 20)
    with pytest.raises(EngineError, match=r'cudaMalloc: cudaErrorMemoryAllocation.*smaller model'):
        cuda.allocate(2 << 20)


def test_freed_memory_is_refused(cuda):
    address = cuda.allocate(8)
    cuda.free(address)
    with pytest.raises(EngineError, match='cudaFree: cudaErrorInvalidValue'):
        cuda.free(address)


def test_a_capture_forbids_to_wait(cuda):
    stream = cuda.create_stream()
    cuda.begin_capture(stream)
    with pytest.raises(EngineError, match='cudaErrorStreamCaptureUnsupported'):
        cuda.synchronize(stream)
    cuda.destroy_graph(cuda.end_capture(stream))


def test_the_first_runtime_that_sees_a_gpu_is_taken(gpu, cudart_library):
    assert open_cuda(['libnothing.so', cudart_library]).library == cudart_library


def test_no_gpu_names_every_reason_and_the_way_out(gpu, cudart_library):
    gpu.fake_devices(-1, 0)
    with pytest.raises(EngineError, match=r'cudaErrorInsufficientDriver \(35\).*onnxruntime'):
        open_cuda([cudart_library])
    gpu.fake_devices(0, 0)
    with pytest.raises(EngineError, match='found 0 GPUs'):
        open_cuda([cudart_library])
    with pytest.raises(EngineError, match='libnothing.so cannot be loaded'):
        open_cuda(['libnothing.so'])


def test_a_library_that_is_no_cuda_runtime_is_too_old():
    with pytest.raises(EngineError, match='CUDA 11.4 is the oldest'):
        Cuda('libc.so.6')


def test_candidates_hold_the_system_names():
    assert {'libcudart.so', 'libcudart.so.12', 'libcudart.so.13'} <= set(candidate_libraries())


@pytest.mark.downloads
@pytest.mark.parametrize('version', CUDA_RUNTIMES)
def test_real_runtimes_have_every_function(request, version):
    """Without a driver they say so by name; nothing else can be tried without a GPU."""
    folder = fetched(request.config.cache, CUDA_RUNTIMES[version])
    (library,) = folder.glob('nvidia/*/lib/libcudart.so.*')
    cuda = Cuda(str(library))  # finds every function
    try:
        said = f'{cuda.device_count()} GPUs, runtime {cuda.runtime_version()}'
    except EngineError as error:
        said = str(error)
    assert f'runtime {version}' in said or 'cudaGetDeviceCount: cudaError' in said
