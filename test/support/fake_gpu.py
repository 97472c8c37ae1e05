# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The fake CUDA runtime as a library: compiled from fake_cudart.c, and its controls."""

import ctypes
from pathlib import Path
import subprocess

WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def compiled(gcc, folder):
    """Compile it into a folder and return its path."""
    library = folder / 'libcudart_fake.so'
    source = Path(__file__).with_name('fake_cudart.c')
    command = [gcc, '-shared', '-fPIC', '-Wall', '-Werror', '-o', str(library), str(source)]
    subprocess.run(command, check=True)
    return str(library)


def fresh_gpu(library):
    """Return the controls, ``fake_*`` of fake_cudart.c, of a GPU with nothing on it."""
    dll = ctypes.CDLL(library)
    dll.fake_fail.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_int)
    dll.fake_memory.argtypes = (ctypes.c_size_t,)
    dll.fake_journal.restype = ctypes.c_char_p
    dll.fake_usable.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    dll.fake_enqueue.argtypes = (ctypes.c_void_p, WORK, ctypes.c_void_p)
    dll.fake_reset()
    return dll
