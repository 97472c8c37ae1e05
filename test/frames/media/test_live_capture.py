# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera, played by a fake device: always its newest frame. No webcam was ever run here."""

import threading

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.live_capture import is_live, without_password
from rtseg_ros.frames.media.opening import open_footage


class FakeDevice:
    """Gives frames of level 0, 1, 2 ...; waits before number ``gate`` until it is let on."""

    opened: list = []
    frames, gate = 6, 99
    go_on = threading.Event()

    def __init__(self, source):
        self.opened.append(source)
        self.given = 0
        self.released = False

    def isOpened(self):  # noqa: N802  OpenCV's name
        return True

    def get(self, _):
        return 0.0

    def set(self, *_):
        return False

    def read(self):
        if self.given == self.gate:
            assert self.go_on.wait(20)
        if self.given == self.frames:
            return False, None
        self.given += 1
        return True, np.full((4, 6, 3), self.given - 1, np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(FakeDevice, 'opened', [])
    monkeypatch.setattr(FakeDevice, 'go_on', threading.Event())
    monkeypatch.setattr(cv2, 'VideoCapture', FakeDevice)
    return FakeDevice


@pytest.mark.parametrize(
    ('source', 'opened'),
    [
        ('0', 0),
        ('/dev/video2', '/dev/video2'),
        ('rtsp://me:secret@cam/1', 'rtsp://me:secret@cam/1'),
    ],
)
def test_cameras_are_opened_as_opencv_wants_them(device, source, opened):
    footage = open_footage(source, live=True)
    assert footage.kind == 'live'
    assert device.opened == [opened]
    assert 'secret' not in footage.name
    assert footage.rate_hz == 25
    footage.close()


def test_the_newest_frame_is_given_and_older_ones_are_counted(device, monkeypatch):
    monkeypatch.setattr(device, 'gate', 1)
    footage = open_footage('0', live=True)
    shots = iter(footage)
    first = next(shots)
    assert (first.frame == 0).all()
    device.go_on.set()  # five more come at once
    footage._thread.join(20)
    last = next(shots)
    assert (last.frame == 5).all()
    assert last.time_s >= first.time_s == 0
    assert footage.skipped == 4
    assert list(shots) == []
    assert footage.problems == ["'0' ended after 2 frames"]
    footage.close()
    assert footage._capture.released


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('97', "camera '97' cannot be opened; cameras on this machine"),
        ('rtsp://me:secret@127.0.0.1:9/x', "stream 'rtsp://127.0.0.1:9/x' cannot be opened"),
    ],
)
def test_a_camera_that_is_not_there(source, reason):
    with pytest.raises(FrameError, match=reason):
        open_footage(source, live=True)


def test_a_file_may_be_called_like_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_live('0')
    (tmp_path / '0').mkdir()
    assert not is_live('0')


def test_passwords_are_cut_out():
    assert without_password('rtsp://u:p@h:554/s?a=b') == 'rtsp://h:554/s?a=b'
    assert without_password('a@b.mp4') == 'a@b.mp4'
