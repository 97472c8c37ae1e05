# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What turns pictures into a video file: PyAV, or what OpenCV can do without it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
import os
from pathlib import Path
import threading
from typing import Any, Protocol

import cv2
import numpy as np

from rtseg_ros.errors import SettingError
from rtseg_ros.frames.media.codecs import CODECS, PYAV

_TICKS_HZ = 90_000
_OPTIONS = {
    'libx264': {'preset': 'veryfast', 'crf': '21'},
    'libopenh264': {},
    'libvpx-vp9': {'deadline': 'realtime', 'cpu-used': '6', 'crf': '32', 'row-mt': '1'},
    'libsvtav1': {'preset': '10', 'crf': '32'},
    'libaom-av1': {'usage': 'realtime', 'cpu-used': '8', 'crf': '32'},
}
_GIF_FRAMES = 150
_GIF_WIDTH = 400


class Encoder(Protocol):
    """Writes one video file."""

    def write(self, picture: np.ndarray, time_s: float) -> None:
        """Append (H, W, 3) uint8 BGR of always the same size, shown from time_s on."""

    def close(self) -> None:
        """Finish the file."""


class PyAvEncoder:
    """H.264, VP9 or AV1, as browsers play them; every frame at its own time."""

    def __init__(self, path: Path, *, codec: str, rate_hz: float, size_hw: tuple[int, int]):
        """Open the file.

        Raises:
            SettingError: If PyAV is not installed, or has no such encoder.
        """
        name = encoder_name(codec)
        if not name:
            raise SettingError(f'no encoder for {codec} is installed; {PYAV}')
        import av

        os.environ.setdefault('SVT_LOG', '1')  # SVT-AV1 tells its life on stderr otherwise
        # The index first, so that a browser starts before it has the whole file.
        options = {'movflags': 'faststart'} if path.suffix == '.mp4' else {}
        self._container = av.open(str(path), 'w', options=options)
        stream: Any = self._container.add_stream(name, rate=Fraction(rate_hz).limit_denominator())
        # Colour is stored for pairs of rows and columns: an odd size gets one more of each.
        stream.height, stream.width = (length + length % 2 for length in size_hw)
        stream.pix_fmt = 'yuv420p'
        stream.options = _OPTIONS[name]
        context = stream.codec_context
        context.time_base = Fraction(1, _TICKS_HZ)
        context.gop_size = 50  # a second or two: so far does a player go back to jump
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1
        self._frame_from_array = av.VideoFrame.from_ndarray
        self._stream = stream
        self._begun = False
        self._last_ticks = -1

    def write(self, picture: np.ndarray, time_s: float) -> None:
        """Append one picture."""
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = cv2.copyMakeBorder(
                picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE
            )
        frame = self._frame_from_array(np.ascontiguousarray(picture), format='bgr24').reformat(
            format='yuv420p', dst_colorspace='ITU709'
        )
        self._last_ticks = max(round(time_s * _TICKS_HZ), self._last_ticks + 1)
        frame.pts = self._last_ticks
        frame.time_base = Fraction(1, _TICKS_HZ)
        self._encode(frame)

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        self._encode(None)
        self._container.close()

    def _encode(self, frame: Any) -> None:
        for packet in self._stream.encode(frame) if self._begun else self._first(frame):
            self._container.mux(packet)

    def _first(self, frame: Any) -> list[Any]:
        """Encode the first frame, which opens the encoder and starts its threads.

        In a thread that ends: glibc, too, remembers the priority that SVT-AV1 gives it, and hands
        it to all threads that it starts, whatever the kernel is told afterwards.
        """
        self._begun = True
        with scheduling_kept(), ThreadPoolExecutor(1) as opener:
            packets: list[Any] = opener.submit(self._stream.encode, frame).result()
        return packets


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Undo what a library does to the scheduling of this process's threads, and of its own ones.

    SVT-AV1 gives the thread that opens it, and all that it starts, the highest real-time priority
    for good where it may: as root, so in most containers. Whatever else runs would wait for them.
    """
    before = _scheduling()
    mine = before[threading.get_native_id()]
    try:
        yield
    finally:
        for thread, now in _scheduling().items():
            policy, priority = before.get(thread, mine)
            if now != (policy, priority):
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _scheduling() -> dict[int, tuple[int, int]]:
    """Return policy and priority of each thread of this process."""
    found = {}
    for name in os.listdir('/proc/self/task'):
        with suppress(ProcessLookupError):  # it has ended meanwhile
            thread = int(name)
            priority = os.sched_getparam(thread).sched_priority
            found[thread] = (os.sched_getscheduler(thread), priority)
    return found


class OpenCvEncoder:
    """MPEG-4 part 2 at a constant rate; where frames are missing, the last one is repeated."""

    def __init__(self, path: Path, *, rate_hz: float, size_hw: tuple[int, int]) -> None:
        code = cv2.VideoWriter.fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(path), code, rate_hz, (size_hw[1], size_hw[0]))
        self.works = self._writer.isOpened()
        self._pace = _Pace(rate_hz)

    def write(self, picture: np.ndarray, time_s: float) -> None:
        """Append one picture, as often as its time asks for."""
        for shown in self._pace.pictures(picture, time_s):
            self._writer.write(shown)

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()


class GifEncoder:
    """An animated GIF of the first 150 frames, 400 pixels wide."""

    def __init__(self, path: Path, *, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._pace = _Pace(rate_hz)
        self._pictures: list[np.ndarray] = []

    def write(self, picture: np.ndarray, time_s: float) -> None:
        """Keep one picture, smaller."""
        size = _GIF_WIDTH, max(round(_GIF_WIDTH * picture.shape[0] / picture.shape[1]), 1)
        for shown in self._pace.pictures(picture, time_s):
            if len(self._pictures) < _GIF_FRAMES:
                self._pictures.append(cv2.resize(shown, size, interpolation=cv2.INTER_AREA))

    def close(self) -> None:
        """Write the file."""
        from PIL import Image

        first, *others = [Image.fromarray(picture[:, :, ::-1]) for picture in self._pictures]
        first.save(
            self._path, format='GIF', save_all=True, append_images=others, loop=0,
            duration=1000 / self._rate_hz,
        )  # fmt: skip


class _Pace:
    """Repeats pictures so that they keep their times at a constant rate."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._last: np.ndarray | None = None
        self._shown = 0

    def pictures(self, picture: np.ndarray, time_s: float) -> list[np.ndarray]:
        """Return what is shown now: the last one again until time_s, then the new one."""
        missing = max(round(time_s * self._rate_hz) - self._shown, 0)
        shown = [picture] if self._last is None else [*[self._last] * missing, picture]
        self._shown += len(shown)
        self._last = picture
        return shown


def encoder_name(codec: str) -> str:
    """Return what PyAV encodes a codec with; empty if it is not installed or cannot."""
    try:
        import av
    except ImportError:
        return ''
    for name in CODECS[codec]:
        try:
            av.Codec(name, 'w')
        except ValueError:  # PyAV's UnknownCodecError is one
            continue
        return name
    return ''
