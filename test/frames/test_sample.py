# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames to calibrate and compare on, from everywhere they may lie."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from rtseg_ros.errors import BagError, ConversionError, DatasetError, FrameError
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.sample import made_items, read_items, source_name
from rtseg_ros.labels import CAMVID, CITYSCAPES


def frame_of(value):
    return np.full((12, 16, 3), value, np.uint8)


@pytest.fixture
def split(tmp_path):
    """Ten frames of value 10 i with labels of class i."""
    for part in ('images', 'labels'):
        (tmp_path / 'val' / part).mkdir(parents=True)
    for i in range(10):
        cv2.imwrite(str(tmp_path / 'val' / 'images' / f'{i}.png'), frame_of(10 * i))
        cv2.imwrite(str(tmp_path / 'val' / 'labels' / f'{i}.png'), frame_of(i)[..., 0])
    return tmp_path / 'val'


def values(items):
    return [int(item.frame()[0, 0, 0]) for item in items]


def test_a_split_with_labels(split):
    items = read_items(split, limit=100, labels=CAMVID)
    assert values(items) == [10 * i for i in range(10)]
    assert [int(item.truth()[0, 0]) for item in items] == list(range(10))
    assert values(read_items(split, limit=4, labels=CAMVID)) == [0, 20, 50, 70]  # spread evenly


def test_images_alone(split):
    items = read_items(split / 'images', limit=3, labels=CAMVID)
    assert values(items) == [0, 30, 60]
    assert items[0].truth() is None
    (split / 'images' / '0.png').write_bytes(b'nonsense')
    with pytest.raises(FrameError, match='0.png is not a readable image'):
        read_items(split / 'images', limit=1, labels=CAMVID)[0].frame()


@pytest.mark.parametrize('single_file', [False, True])
def test_a_bag(single_file, tmp_path):
    path = tmp_path / 'bag'
    with BagWriter(path, labels=CAMVID) as writer:
        for i in range(10):
            writer.write(frame_of(10 * i), (i + 1) * 10**9, frame_of(i)[..., 0])
    source = next(path.glob('*.mcap')) if single_file else path
    items = read_items(source, limit=4, labels=CAMVID)
    assert values(items) == [0, 20, 50, 70]
    assert [int(item.truth()[0, 0]) for item in items] == [0, 2, 5, 7]
    # Ground truth of other classes says nothing about this model.
    assert read_items(source, limit=4, labels=CITYSCAPES)[0].truth() is None


@pytest.mark.process
def test_only_a_bag_needs_rosbags(split, tmp_path):
    code = (
        'import sys; sys.modules["rosbags"] = None\n'
        'from rtseg_ros.frames.sample import read_items\n'
        'from rtseg_ros.errors import ConversionError\n'
        'from rtseg_ros.labels import CAMVID\n'
        'assert len(read_items(sys.argv[1], limit=3, labels=CAMVID)) == 3\n'
        'try:\n    read_items(sys.argv[2], limit=3, labels=CAMVID)\n'
        'except ConversionError as error:\n    print(error)\n'
    )
    result = subprocess.run(
        [sys.executable, '-c', code, str(split), str(tmp_path / 'drive.mcap')],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert 'drive.mcap' in result.stdout, result.stderr
    assert 'pip install rosbags' in result.stdout


def test_what_is_not_there(split, tmp_path):
    with pytest.raises(ConversionError, match='nowhere.* is not there; give a folder of images'):
        read_items(tmp_path / 'nowhere', limit=1, labels=CAMVID)
    with pytest.raises(ConversionError, match='holds no images'):
        read_items(tmp_path, limit=1, labels=CAMVID)
    (tmp_path / 'broken.mcap').write_bytes(b'nonsense')
    with pytest.raises(BagError, match='broken.mcap'):
        read_items(tmp_path / 'broken.mcap', limit=1, labels=CAMVID)
    (split / 'labels' / '3.png').unlink()
    with pytest.raises(DatasetError, match='3.png'):
        read_items(split, limit=1, labels=CAMVID)


def test_made_frames_are_varied_and_always_the_same():
    first, second = made_items((60, 90), 2)
    assert first.frame().shape == (60, 90, 3)
    assert first.frame().dtype == np.uint8
    np.testing.assert_array_equal(first.frame(), made_items((60, 90), 1)[0].frame())
    assert np.abs(first.frame().astype(int) - second.frame()).mean() > 10
    assert first.frame().std() > 20
    assert first.truth() is None


def test_sources_are_recorded_without_the_rest_of_the_path():
    assert source_name('/home/somebody/data/camvid/val') == 'camvid/val'
