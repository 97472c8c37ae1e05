# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera that is lost and comes back, played by a fake device. No webcam was ever run here."""

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.kept_camera import KeptCamera


class Cable:
    """What ``cv2.VideoCapture`` becomes: two frames, then it is lost; ``there`` tells when."""

    def __init__(self, there):
        self.there = list(there)
        self.opened = []

    def __call__(self, source):
        self.opened.append(source)
        return Plugged(self.there.pop(0) if self.there else False)


class Plugged:
    def __init__(self, there):
        self.there, self.left = there, 2

    def isOpened(self):  # noqa: N802  OpenCV's name
        return self.there

    def get(self, _):
        return 30.0

    def set(self, *_):
        return True

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 6, 3), 1 + self.left, np.uint8)

    def release(self):
        pass


@pytest.fixture
def plug(monkeypatch):
    def plug(*there):
        cable = Cable(there)
        monkeypatch.setattr(cv2, 'VideoCapture', cable)
        return cable

    return plug


def test_it_is_opened_again_when_it_is_back(plug):
    cable, said = plug(True, False, False, True), []
    camera = KeptCamera('0', retry_s=0.01, say=said.append)
    assert (camera.name, camera.rate_hz, camera.connected) == ('0', 30.0, True)
    frames = []
    for shot in camera:
        frames.append(shot)
        if camera.lost == 1:
            break
    assert cable.opened == [0] * 4
    assert camera.connected
    assert len(said) == 2
    assert 'ended after' in said[0]
    assert said[1] == "'0' is back"
    camera.close()


def test_closing_ends_the_wait(plug):
    plug(True)
    said = []

    def tell(text):
        said.append(text)
        camera.close()

    camera = KeptCamera('/dev/video7', retry_s=1000.0, say=tell)
    assert list(camera)
    assert len(said) == 1
    assert not camera.connected


def test_it_ends_with_the_camera_if_nobody_wants_it_back(plug):
    cable = plug(True, True)
    camera = KeptCamera('0', retry_s=0.0, say=lambda _: None)
    assert list(camera)
    assert len(cable.opened) == 1
    assert camera.lost == 1


def test_it_must_be_there_at_first(plug):
    plug(False)
    with pytest.raises(FrameError, match="camera '3' cannot be opened"):
        KeptCamera('3', retry_s=0.01, say=lambda _: None)


def test_links_to_device_files_are_followed(plug, tmp_path, monkeypatch):
    from rtseg_ros.frames.media import live_capture

    cable = plug(True)
    monkeypatch.setattr(live_capture.os.path, 'realpath', lambda _: '/dev/video4')
    KeptCamera('/dev/v4l/by-id/usb-Cam', retry_s=0.0, say=lambda _: None)
    assert cable.opened == ['/dev/video4']
