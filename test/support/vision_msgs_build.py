# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The real LabelInfo, where vision_msgs is not installed: built once by ROS's own generators.

No package index has vision_msgs, so its two messages that a node publishes are built from
``vision_msgs_source`` into pytest's cache, by the generators that requirements-ros-*.txt bring.
"""

from __future__ import annotations

from collections.abc import Iterator
import ctypes
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from types import ModuleType

import pytest

SOURCE = Path(__file__).parent / 'vision_msgs_source'
BUILD_WITH = ('cmake', 'make', 'g++')


@pytest.fixture(scope='module')
def vision_msgs(pytestconfig: pytest.Config) -> Iterator[ModuleType]:
    """Return ``vision_msgs.msg``, for this process and the nodes that the module starts."""
    if importlib.util.find_spec('vision_msgs'):
        yield importlib.import_module('vision_msgs.msg')
        return
    prefix = _built(pytestconfig.cache)
    packages = next(prefix.glob('lib/python3*/site-packages'))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(packages)
        patch.setenv('PYTHONPATH', str(packages), prepend=os.pathsep)
        patch.setenv('LD_LIBRARY_PATH', str(prefix / 'lib'), prepend=os.pathsep)
        # ROS opens them by name, and the path above is read only when a process starts.
        for library in sorted((prefix / 'lib').glob('*typesupport*_c.so')):
            ctypes.CDLL(str(library))
        yield importlib.import_module('vision_msgs.msg')
    for name in [name for name in sys.modules if name.split('.')[0] == 'vision_msgs']:
        del sys.modules[name]


def _built(cache: pytest.Cache) -> Path:
    """Return the folder that holds the package, built if these wheels have not yet."""
    wheels = sorted(
        f'{wheel.name} {wheel.version}' for wheel in importlib.metadata.distributions()
        if wheel.name.startswith('ros-')
    )  # fmt: skip
    sources = [file.read_text() for file in sorted(SOURCE.rglob('*')) if file.is_file()]
    known = '\n'.join([sys.version, sys.prefix, *wheels, *sources])
    folder = cache.mkdir('vision_msgs') / hashlib.sha256(known.encode()).hexdigest()[:16]
    if not folder.exists():
        if missing := _missing():
            # Continuous integration has what it takes, so there it must not pass unseen.
            (pytest.fail if os.environ.get('CI') else pytest.skip)(missing)
        partial = folder.with_name(f'{folder.name}.{os.getpid()}')
        _build(partial)
        try:
            partial.rename(folder)
        except OSError:  # another run was first
            shutil.rmtree(partial)
    return folder


def _missing() -> str:
    """Return what is missing to build it, or nothing."""
    generators = 'rosidl_generator_py', 'rosidl_adapter', 'ament_package', 'catkin_pkg'
    if absent := [name for name in generators if not importlib.util.find_spec(name)]:
        return f'vision_msgs is not installed, nor are its generators: no {absent[0]} (make env)'
    if absent := [name for name in BUILD_WITH if not shutil.which(name)]:
        return f'vision_msgs is not installed, and there is no C compiler: no {", ".join(absent)}'
    return ''


def _build(prefix: Path) -> None:
    """Generate and compile the package, install it into ``prefix``."""
    environment = {
        **os.environ,
        'AMENT_PREFIX_PATH': sys.prefix,
        'CMAKE_PREFIX_PATH': sys.prefix,
        'PATH': os.pathsep.join([str(Path(sys.prefix, 'bin')), os.environ['PATH']]),
    }
    with tempfile.TemporaryDirectory() as build:
        options = f'-DCMAKE_INSTALL_PREFIX={prefix}', f'-DPython3_EXECUTABLE={sys.executable}'
        for command in (
            ['cmake', '-S', str(SOURCE), '-B', build, '-DBUILD_TESTING=OFF', *options],
            ['cmake', '--build', build, '--parallel', '2', '--target', 'install'],
        ):
            result = subprocess.run(command, env=environment, capture_output=True, text=True)
            if result.returncode:
                shutil.rmtree(prefix, ignore_errors=True)
                said = (result.stdout + result.stderr)[-3000:]
                raise RuntimeError(f'{" ".join(command)} ended with {result.returncode}:\n{said}')
