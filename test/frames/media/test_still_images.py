# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Photos and folders of them: upright, in order, and one bad file is one bad file."""

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.frames.media.still_images import read_image

# EXIF orientation -> what was done to the upright picture before it was stored.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),  # turned back by a quarter clockwise
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.fixture
def upright() -> np.ndarray:
    """Four corners of four colours, higher than wide; RGB."""
    picture = np.zeros((64, 48, 3), np.uint8)
    picture[:32, :24], picture[:32, 24:] = (250, 20, 20), (20, 250, 20)
    picture[32:, :24], picture[32:, 24:] = (20, 20, 250), (240, 240, 240)
    return picture


@pytest.mark.parametrize('orientation', STORED)
@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif'])
def test_orientation_is_that_of_viewers(tmp_path, upright, orientation, suffix):
    image = pytest.importorskip('PIL.Image', reason='Pillow is not installed')
    stored = image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    exif = stored.getexif()
    exif[0x0112] = orientation
    options = {'quality': 95, 'subsampling': 0} if suffix == '.jpg' else {}
    stored.save(tmp_path / f'a{suffix}', exif=exif, **options)
    frame, note = read_image(tmp_path / f'a{suffix}')
    assert frame.shape == (64, 48, 3)
    assert np.abs(frame.astype(int) - upright[:, :, ::-1]).mean() < 4
    assert note == ''


@pytest.mark.parametrize(('factor', 'dark'), [(16, True), (257, False)])
def test_sixteen_bits_become_eight_and_dark_ones_are_said(tmp_path, factor, dark):
    ramp = np.arange(256, dtype=np.uint16)[None].repeat(20, 0) * factor
    cv2.imwrite(str(tmp_path / 'a.png'), ramp)
    frame, note = read_image(tmp_path / 'a.png')
    assert frame.dtype == np.uint8
    assert frame[0, :, 1].tolist() == (ramp[0] >> 8).tolist()
    assert ('16 bits and is dark: its brightest value is 4080 of 65535' in note) == dark


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'the file is empty'),
        (b'no image', 'is not a readable image'),
        (b'\0\0\0\x18ftypheic' + bytes(40), 'HEIC'),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, content, reason):
    (tmp_path / 'a.jpg').write_bytes(content)
    with pytest.raises(FrameError, match=reason):
        read_image(tmp_path / 'a.jpg')


@pytest.fixture
def folder(tmp_path):
    for name in ('b.png', 'a.png', 'below/c.jpg', 'out/d.png', '.hidden/e.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), ord(name[0]), np.uint8))
    (tmp_path / 'notes.txt').write_text('')
    (tmp_path / 'broken.png').write_bytes(b'\x89PNG')
    return tmp_path


def test_one_bad_file_is_left_out_and_said(folder):
    footage = open_footage(folder)
    assert [shot.name for shot in footage] == ['a.png', 'b.png']
    assert footage.total == 3
    assert footage.problems == [f"'{folder / 'broken.png'}' is not a readable image"]


def test_folders_below_are_looked_into_when_asked_for(folder):
    footage = open_footage(folder, recursive=True, leave_out=folder / 'out')
    assert [shot.name for shot in footage] == ['a.png', 'b.png', 'below/c.jpg']


@pytest.mark.parametrize(
    ('name', 'reason'), [('', "'source' is empty"), ('none.mp4', "no file or folder 'none.mp4'")]
)
def test_sources_that_are_none(name, reason):
    with pytest.raises(FrameError, match=reason):
        open_footage(name)


def test_a_folder_without_images_says_what_it_looked_for(tmp_path):
    with pytest.raises(FrameError, match=r'holds no image \(.png.*--recursive'):
        open_footage(tmp_path)
