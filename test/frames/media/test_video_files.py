# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Videos read and written: every frame, upright, at its own time; damage is said."""

from fractions import Fraction
from pathlib import Path
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError, SettingError
from rtseg_ros.frames.media import encoders
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.frames.media.video_writer import VideoWriter

ROOT = Path(__file__).parents[3]
TIMES_S = (0.0, 0.04, 0.08, 0.2, 0.21, 0.5, 1.0)


@pytest.fixture
def no_pyav(monkeypatch):
    monkeypatch.setattr('rtseg_ros.frames.media.video_writer.encoder_name', lambda codec: '')


def grey(level: int, size_hw=(48, 64)) -> np.ndarray:
    return np.full((*size_hw, 3), level, np.uint8)


def write(path: Path, times_s=TIMES_S, *, size_hw=(48, 64), codec='auto') -> Path:
    pytest.importorskip('av', reason='PyAV is not installed')
    writer = VideoWriter(path, rate_hz=25, codec=codec)
    for index, time_s in enumerate(times_s):
        writer.add(grey(20 + 30 * index % 200, size_hw), time_s)
    assert writer.close() == path
    return path


@pytest.mark.parametrize(
    ('name', 'codec', 'found'),
    [
        ('a.mp4', 'auto', 'h264'),
        ('a.webm', 'auto', 'vp9'),
        ('a.mp4', 'av1', 'av1'),
        ('a.webm', 'av1', 'av1'),
    ],
)
def test_uneven_times_are_kept(tmp_path, name, codec, found):
    path = write(tmp_path / name, codec=codec)
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        # AV1 is decoded by what is called libdav1d.
        assert found in stream.codec_context.name.replace('libdav1d', 'av1')
        assert stream.codec_context.pix_fmt == 'yuv420p'
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx(TIMES_S, abs=0.0011)
    levels = [float(frame.to_ndarray(format='bgr24').mean()) for frame in frames]
    assert levels == pytest.approx([20, 50, 80, 110, 140, 170, 200], abs=4)
    if found != 'av1':  # which OpenCV's wheel cannot decode without a GPU
        shots = list(open_footage(path))
        assert [shot.time_s for shot in shots] == pytest.approx(TIMES_S, abs=0.0011)
        assert [float(shot.frame.mean()) for shot in shots] == pytest.approx(levels, abs=4)
    assert [path.name for path in tmp_path.iterdir()] == [name]  # nothing is left of the work


def test_colours_come_back(tmp_path):
    """Stored as BT.709 and said so, or a browser would show another green."""
    pytest.importorskip('av', reason='PyAV is not installed')
    colors = [(200, 60, 40), (40, 190, 60), (60, 50, 210), (128, 64, 128)]
    frame = np.zeros((64, 64, 3), np.uint8)
    for index, color in enumerate(colors):
        frame[32 * (index // 2) :, 32 * (index % 2) :] = color
    writer = VideoWriter(tmp_path / 'a.mp4', rate_hz=10)
    writer.add(frame, 0)
    writer.close()
    import av

    with av.open(str(tmp_path / 'a.mp4')) as container:
        decoded = next(container.decode(video=0))
        assert decoded.colorspace == 1  # BT.709
        back = decoded.to_ndarray(format='bgr24')
    for index, color in enumerate(colors):
        seen = back[32 * (index // 2) + 16, 32 * (index % 2) + 16]
        assert seen.astype(int).tolist() == pytest.approx(color, abs=6)


def test_odd_sizes_lose_no_row(tmp_path):
    path = write(tmp_path / 'odd.mp4', size_hw=(47, 63))
    shot = next(iter(open_footage(path)))
    assert shot.frame.shape == (48, 64, 3)


def test_what_is_not_closed_leaves_nothing(tmp_path):
    writer = VideoWriter(tmp_path / 'a.mp4', rate_hz=10)
    writer.add(grey(90), 0)
    assert not (tmp_path / 'a.mp4').exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []
    assert VideoWriter(tmp_path / 'b.mp4', rate_hz=10).close() is None


def test_without_pyav_missed_frames_are_repeated_and_the_fallback_is_named(tmp_path, no_pyav):
    writer = VideoWriter(tmp_path / 'overlay.mp4', rate_hz=10)
    for tick in (0, 1, 5):
        writer.add(grey(40 * tick), 100 + tick / 10)
    path = writer.close()
    assert [round(float(shot.frame.mean()) / 40) for shot in open_footage(path)] == [
        0, 1, 1, 1, 1, 5,
    ]  # fmt: skip
    assert 'MPEG-4 part 2' in writer.fallback
    assert 'browsers do not' in writer.fallback
    assert 'pip install' in writer.fallback


def test_gif_where_there_is_no_encoder(tmp_path, no_pyav, monkeypatch):
    class NoEncoder:
        def __init__(self, *_):
            pass

        def isOpened(self):  # noqa: N802  OpenCV's name
            return False

        fourcc = staticmethod(lambda *_: 0)

    monkeypatch.setattr(cv2, 'VideoWriter', NoEncoder)
    writer = VideoWriter(tmp_path / 'overlay.mp4', rate_hz=10)
    for tick in range(4):
        writer.add(grey(60 * tick), tick / 10)
    path = writer.close()
    assert path.name == 'overlay.gif'
    assert path.read_bytes()[:6] == b'GIF89a'
    assert 'GIF' in writer.fallback


@pytest.mark.parametrize(
    ('name', 'codec', 'message'),
    [
        ('a.mp4', 'vp9', 'no encoder for vp9 is installed'),
        ('a.webm', 'auto', 'no encoder for vp9 is installed'),
        ('a.webm', 'h264', 'name it .mp4'),
        ('a.avi', 'auto', 'videos are written as .mp4 or .webm'),
    ],
)
def test_a_codec_that_was_asked_for_is_never_replaced(tmp_path, no_pyav, name, codec, message):
    with pytest.raises(SettingError, match=message):
        VideoWriter(tmp_path / name, rate_hz=10, codec=codec)


def test_without_pyav_there_is_no_encoder(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    assert encoders.encoder_name('h264') == ''


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * part)])
    return path


def test_a_cut_video_gives_what_is_there_and_says_so(tmp_path):
    """The index comes first and announces all frames."""
    rng = np.random.default_rng(0)
    writer = VideoWriter(tmp_path / 'cut.mp4', rate_hz=25)
    pytest.importorskip('av', reason='PyAV is not installed')
    for index in range(120):
        writer.add(rng.integers(0, 255, (48, 64, 3), np.uint8), index / 25)
    footage = open_footage(cut(writer.close(), 0.5))
    shots = list(footage)
    assert footage.total == 120
    assert 30 < len(shots) < 90
    assert footage.problems == [
        f"'{tmp_path / 'cut.mp4'}' announces 120 frames, but ends after {len(shots)}: the file "
        'is cut or damaged'
    ]


def test_a_whole_video_has_no_problems(tmp_path):
    footage = open_footage(write(tmp_path / 'a.mp4'))
    assert len(list(footage)) == footage.total == len(TIMES_S)
    assert footage.problems == []


def test_a_video_is_turned_upright(tmp_path):
    """A phone held upright stores frames that lie, and a matrix that turns them."""
    pytest.importorskip('av', reason='PyAV is not installed')
    frame = grey(40)
    frame[:, :32] = 220  # bright on the left; a quarter turn clockwise puts that on top
    writer = VideoWriter(tmp_path / 'lying.mp4', rate_hz=10)
    writer.add(frame, 0)
    path = writer.close()
    data = bytearray(path.read_bytes())
    straight = struct.pack('>9i', 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    at = data.index(straight, data.index(b'tkhd'))
    data[at : at + 36] = struct.pack('>9i', 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    shot = next(iter(open_footage(path)))
    assert shot.frame.shape == (64, 48, 3)
    assert shot.frame[:28].mean() > 180
    assert shot.frame[36:].mean() < 80


def test_sound_is_said_to_be_left_out(tmp_path):
    av = pytest.importorskip('av', reason='PyAV is not installed')
    path = tmp_path / 'loud.mp4'
    with av.open(str(path), 'w') as container:
        video = container.add_stream('libx264', rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
        sound = container.add_stream('aac', rate=44100)
        for index in range(5):
            picture = av.VideoFrame.from_ndarray(grey(90), format='bgr24')
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(video.encode(picture))
        samples = av.AudioFrame.from_ndarray(
            np.zeros((2, 8192), np.float32), format='fltp', layout='stereo'
        )
        samples.rate, samples.pts = 44100, 0
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))
    footage = open_footage(path)
    assert footage.notes == ['its sound is left out']
    assert len(list(footage)) == 5


@pytest.mark.parametrize('content', [b'', b'no video'])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / 'x.mp4'
    path.write_bytes(content)
    with pytest.raises(FrameError, match='neither a folder, nor an image or a video'):
        open_footage(path)


SCHEDULING = """
import ctypes, os, sys, threading
from pathlib import Path
import numpy as np
from rtseg_ros.frames.media.video_writer import VideoWriter

def policies():
    # What the kernel holds of all, and what glibc remembers of this one and hands to new ones.
    remembered, priority = ctypes.c_int(), ctypes.c_int()
    ctypes.CDLL(None).pthread_getschedparam(
        ctypes.c_ulong(threading.get_ident()), ctypes.byref(remembered), ctypes.byref(priority))
    threads = os.listdir('/proc/self/task')
    return {os.sched_getscheduler(int(thread)) for thread in threads} | {remembered.value}

before = policies()
writer = VideoWriter(Path(sys.argv[1]), rate_hz=25, codec='av1')
for index in range(3):
    writer.add(np.zeros((64, 64, 3), np.uint8), index / 25)
    assert policies() == before, policies()
writer.close()
assert policies() == before, policies()
"""


@pytest.mark.process
def test_an_encoder_leaves_the_scheduling_of_threads_alone(tmp_path):
    """SVT-AV1 makes a process of root real-time; in one of its own, in case it still does."""
    pytest.importorskip('av', reason='PyAV is not installed')
    command = [sys.executable, '-c', SCHEDULING, str(tmp_path / 'a.mp4')]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
