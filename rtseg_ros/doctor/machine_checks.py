# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checks of this machine without ROS: packages, model, engine, places that must be writable."""

from collections.abc import Callable
import importlib
import importlib.metadata
import os
from pathlib import Path
import platform
import sys
import tempfile
import time
from typing import Any

from rtseg_ros.errors import RtsegError
from rtseg_ros.installation import cache_folder
from rtseg_ros.verdict import Verdict

OPENCV_WHEELS = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
SHARED_MEMORY = Path('/dev/shm')  # noqa: S108  where Fast DDS keeps its segments
ENOUGH_SHARED_MIB = 128
RECEIVE_BUFFER = Path('/proc/sys/net/core/rmem_max')
ENOUGH_BUFFER = 4 * 2**20


def python() -> Verdict:
    """Return which Python runs."""
    return Verdict('Python', True, f'{platform.python_version()} in {sys.prefix}')


def numpy() -> Verdict:
    """Return which NumPy there is."""
    module, problem = _imported('numpy')
    if module is None:
        return Verdict('NumPy', False, f'{problem}; pip install numpy, or apt python3-numpy')
    return Verdict('NumPy', True, module.__version__)


def opencv() -> list[Verdict]:
    """Look at OpenCV: there, only once, able to read JPEG and PNG."""
    findings = []
    wheels = [name for name in OPENCV_WHEELS if _version(name)]
    if len(wheels) > 1:
        findings.append(
            Verdict(
                'OpenCV',
                False,
                f'{" and ".join(wheels)} overwrite each other; pip uninstall all but one, then '
                'install that one again',
            )
        )
    module, problem = _imported('cv2')
    if module is None:
        return [
            *findings,
            Verdict(
                'OpenCV',
                False,
                f'{problem}; pip install opencv-python-headless, or apt python3-opencv',
            ),
        ]
    import numpy as np

    picture = np.full((16, 16, 3), 99, np.uint8)
    for suffix in ('.jpg', '.png'):
        encoded = module.imencode(suffix, picture)[1]
        if module.imdecode(encoded, module.IMREAD_COLOR) is None:
            findings.append(Verdict('OpenCV', False, f'cannot read {suffix}; install another'))
    return findings or [Verdict('OpenCV', True, f'{module.__version__}, reads JPEG and PNG')]


def cv_bridge() -> Verdict:
    """Look at cv_bridge, which only exotic encodings need."""
    module, problem = _imported('cv_bridge')
    if module is None:
        return Verdict(
            'cv_bridge', True, f'not usable ({problem}); only needed for exotic image encodings'
        )
    return Verdict('cv_bridge', True, 'there, for exotic image encodings')


def vision_msgs() -> Verdict:
    """Look at vision_msgs, which carries the class names to Nav2."""
    module, problem = _imported('vision_msgs.msg')
    if module is None:
        return Verdict(
            'vision_msgs',
            True,
            f'not installed ({problem}), so there is no ~/label_info; Nav2 needs it: '
            'apt install ros-<distribution>-vision-msgs',
        )
    return Verdict('vision_msgs', True, 'there, for ~/label_info')


def engine() -> Verdict:
    """Look at ONNX Runtime."""
    module, problem = _imported('onnxruntime')
    if module is None:
        return Verdict(
            'ONNX Runtime', False,
            f'{problem}; pip install onnxruntime, or set engine to tensorrt',
        )  # fmt: skip
    wheels = [n for n in ('onnxruntime', 'onnxruntime-gpu') if _version(n)]
    if len(wheels) > 1:
        return Verdict(
            'ONNX Runtime', False, f'{" and ".join(wheels)} overwrite each other; keep one'
        )
    providers = ', '.join(module.get_available_providers())
    return Verdict('ONNX Runtime', True, f'{module.__version__}, {providers}')


def model(name_or_path: str, *, load: Callable[..., Any]) -> Verdict:
    """Load a model and run it on one frame.

    Args:
        name_or_path: As the node's parameter ``model``.
        load: Returns a segmenter of a path.
    """
    import numpy as np

    try:
        segmenter = load(name_or_path)
        frame = np.zeros((480, 640, 3), np.uint8)
        segmenter(frame)
        start = time.perf_counter()
        segmenter(frame)
        elapsed_ms = (time.perf_counter() - start) * 1e3
        file = segmenter.engine.model
        height, width = file.size_hw
        text = (
            f'{file.path.name}: {file.metadata.network} at {width}x{height}, '
            f'{segmenter.labels.num_classes} classes, {segmenter.engine.name} on '
            f'{segmenter.engine.device} in {segmenter.engine.precision}, a frame of 640x480 in '
            f'{elapsed_ms:.0f} ms'
        )
        segmenter.close()
    except RtsegError as error:
        return Verdict('model', False, str(error))
    except ImportError as error:
        return Verdict('model', False, f'cannot be loaded: {error}')
    return Verdict('model', True, text)


def cache() -> Verdict:
    """Look at the folder of built engines, which must be writable."""
    try:
        return _writable('cache', cache_folder())
    except RtsegError as error:
        return Verdict('cache', False, str(error))


def ros_log() -> Verdict:
    """Look at the folder of the logs of ROS, which must be writable."""
    home = Path(os.environ.get('ROS_HOME') or Path('~/.ros').expanduser())
    return _writable('ROS log', Path(os.environ.get('ROS_LOG_DIR') or home / 'log'))


def shared_memory() -> Verdict:
    """Look at the shared memory that Fast DDS carries images through."""
    if not SHARED_MEMORY.is_dir():
        return Verdict('shared memory', True, f'no {SHARED_MEMORY} on this system')
    room = os.statvfs(SHARED_MEMORY)
    free_mib = room.f_bavail * room.f_frsize >> 20
    segments = [path for path in SHARED_MEMORY.iterdir() if path.name.startswith('fastrtps_')]
    used_mib = sum(_size(path) for path in segments) >> 20
    text = f'{free_mib} MiB free in {SHARED_MEMORY}, {used_mib} MiB in segments of Fast DDS'
    if free_mib < ENOUGH_SHARED_MIB:
        return Verdict(
            'shared memory', False,
            f'{text}; killed nodes leave segments behind: with no node running, '
            f'rm {SHARED_MEMORY}/*fastrtps_*. In a container, give --shm-size=1g',
        )  # fmt: skip
    return Verdict('shared memory', True, text)


def receive_buffer() -> Verdict:
    """Look at the buffers for images that come from another computer."""
    try:
        size = int(RECEIVE_BUFFER.read_text())
    except (OSError, ValueError):
        return Verdict('UDP buffer', True, 'of unknown size')
    text = f'{size / 2**20:.1f} MiB for images from another computer'
    if size < ENOUGH_BUFFER:
        text += f'; if they get lost: sudo sysctl -w net.core.rmem_max={ENOUGH_BUFFER}'
    return Verdict('UDP buffer', True, text)


def _imported(name: str) -> tuple[Any, str]:
    try:
        return importlib.import_module(name), ''
    except Exception as error:  # noqa: BLE001  a broken package raises what it likes
        return None, f'{type(error).__name__}: {" ".join(str(error).split())[:120]}'


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ''


def _writable(name: str, folder: Path) -> Verdict:
    place = folder
    while not place.exists():
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        return Verdict(name, False, f'{folder} cannot be written ({error}); chown or chmod it')
    return Verdict(name, True, f'{folder} can be written')


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it went away while we looked
        return 0
