# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags: written and read back in every storage and format, and damaged in many ways."""

import resource
import subprocess
import sys

import numpy as np
import pytest
from random_frames import noise_frame

pytest.importorskip('rosbags', reason='rosbags is not installed')
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.bags.messages import IMAGE, RawMessage
from rtseg_ros.frames.bags.reader import BagReader
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.image_message import (
    frame_from_compressed,
    frame_from_image,
    pixels_from_image,
)
from rtseg_ros.labels import LabelSet

LABELS = LabelSet('tiny', ('dark', 'blue'), ((0, 0, 0), (0, 0, 255)), ignore_id=9)
SECOND = 1_000_000_000


def truth_of(index, size_hw=(12, 16)):
    return np.random.default_rng(100 + index).choice([0, 1, 9], size_hw).astype(np.uint8)


def write_bag(path, count=3, **options):
    with BagWriter(path, labels=LABELS, **options) as bag:
        for index in range(count):
            bag.write(noise_frame(index, (12, 16)), (5 + index) * SECOND + 7, truth_of(index))
    return path


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_round_trip_is_exact(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage=storage, camera='/front')
    assert [item.name for item in tmp_path.iterdir()] == ['bag']
    with BagReader(path) as bag:
        kinds = {topic.name: (topic.message_type, topic.count) for topic in bag.topics.values()}
        assert kinds == {
            '/front/image_raw': ('sensor_msgs/msg/Image', 3),
            '/front/camera_info': ('sensor_msgs/msg/CameraInfo', 3),
            '/front/labels_gt': ('sensor_msgs/msg/Image', 3),
            '/front/label_info': ('vision_msgs/msg/LabelInfo', 1),
        }
        assert bag.duration_s == pytest.approx(2.0)
        assert bag.label_names('/front/label_info') == {0: 'dark', 1: 'blue'}
        for index, raw in enumerate(bag.messages(['/front/image_raw'])):
            assert raw.stamp_ns == raw.log_time_ns == (5 + index) * SECOND + 7
            message = raw.decode()
            assert (message.encoding, message.header.frame_id) == ('bgr8', 'camera')
            assert (frame_from_image(message) == noise_frame(index, (12, 16))).all()
        for index, raw in enumerate(bag.messages(['/front/labels_gt'])):
            message = raw.decode()
            assert message.encoding == 'mono8'
            expected = np.where(truth_of(index) == 9, 255, truth_of(index))
            assert (pixels_from_image(message) == expected).all()
        info = next(bag.messages(['/front/camera_info'])).decode()
        assert (info.width, info.height, info.k[0]) == (16, 12, 0.0)


def test_png_is_exact_and_jpeg_is_close(tmp_path):
    smooth = np.full((32, 48, 3), (30, 120, 200), np.uint8)
    for name, tolerance in (('png', 0), ('jpeg', 3)):
        with BagWriter(tmp_path / name, image_format=name) as bag:
            bag.write(smooth, SECOND)
        with BagReader(tmp_path / name) as bag:
            raw = next(bag.messages(['/camera/image_raw/compressed']))
            frame = frame_from_compressed(raw.decode())
        assert np.abs(frame.astype(int) - smooth).max() <= tolerance


@pytest.mark.parametrize('store', ['ROS2_HUMBLE', 'ROS2_JAZZY', 'ROS2_KILTED'])
def test_reads_bags_of_every_version(tmp_path, store):
    """Also if an unrelated topic has a type that nobody can parse."""
    types = get_typestore(getattr(Stores, store))
    with Writer(tmp_path / 'bag', version=8 if store == 'ROS2_HUMBLE' else 9) as bag:
        strange = bag.add_connection(
            '/strange', 'odd_msgs/msg/Thing', msgdef='what is this', rihs01='RIHS01_00'
        )
        bag.write(strange, 1, b'\x00\x01\x00\x00')
        image = bag.add_connection('/image', IMAGE, typestore=types)
        time = types.types['builtin_interfaces/msg/Time'](sec=3, nanosec=4_000_000_000)
        header = types.types['std_msgs/msg/Header'](stamp=time, frame_id='x')
        message = types.types[IMAGE](header, 1, 2, 'mono8', 0, 4, np.array([1, 2, 0, 0], np.uint8))
        bag.write(image, 2, types.serialize_cdr(message, IMAGE))
    with BagReader(tmp_path / 'bag') as bag:
        raw = next(bag.messages(['/image']))
        assert raw.stamp_ns == 3 * SECOND + 4_000_000_000
        assert frame_from_image(raw.decode())[0, :, 0].tolist() == [1, 2]


def interrupted_write(path):
    with BagWriter(path) as bag:
        bag.write(noise_frame(0, (12, 16)), 1)
        raise KeyboardInterrupt


def test_an_error_leaves_no_half_bag(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(tmp_path / 'bag')
    assert list(tmp_path.iterdir()) == []


def test_writer_refuses(tmp_path):
    (tmp_path / 'there').mkdir()
    for options, message in (
        ({'path': tmp_path / 'there'}, 'exists'),
        ({'path': tmp_path / 'a', 'storage': 'zip'}, 'mcap, sqlite3'),
        ({'path': tmp_path / 'a', 'image_format': 'bmp'}, 'raw, png, jpeg'),
    ):
        with pytest.raises(BagError, match=message):
            BagWriter(**options)
    with pytest.raises(BagError, match='label set'), BagWriter(tmp_path / 'b') as bag:
        bag.write(noise_frame(0, (12, 16)), 1, truth_of(0))
    with (
        pytest.raises(BagError, match=r'\(4, 4\)'),
        BagWriter(tmp_path / 'c', labels=LABELS) as bag,
    ):
        bag.write(noise_frame(0, (12, 16)), 1, np.zeros((4, 4), np.uint8))


def read_all(path):
    with BagReader(path) as bag:
        return [raw.decode() for raw in bag.messages(list(bag.topics))]


def cut(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ('storage', 'share'),
    [(name, share) for name in ('mcap', 'sqlite3') for share in (0.0, 0.01, 0.3, 0.9)]
    + [('mcap', 0.9999)],
)
def test_a_truncated_bag_is_a_bag_error(tmp_path, storage, share):
    path = write_bag(tmp_path / 'bag', count=20, storage=storage)
    cut(next(file for file in path.iterdir() if file.suffix in ('.mcap', '.db3')), share)
    with pytest.raises(BagError, match='bag'):
        read_all(path)


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_flipped_bytes_give_messages_or_our_errors(tmp_path, storage, seed):
    path = write_bag(tmp_path / 'bag', count=3, storage=storage)
    file = next(file for file in path.iterdir() if file.suffix in ('.mcap', '.db3'))
    data = bytearray(file.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(0, len(data), 40):
        data[place] = random.integers(0, 256)
    file.write_bytes(bytes(data))
    try:
        read_all(path)
    except (BagError, FrameError):
        pass


def test_what_is_no_bag(tmp_path):
    with pytest.raises(BagError, match='there is no bag'):
        BagReader(tmp_path / 'nothing')
    with pytest.raises(BagError, match='neither metadata.yaml nor'):
        BagReader(tmp_path)
    text = tmp_path / 'notes.mcap'
    text.write_text('hello')
    with pytest.raises(BagError, match='cannot be opened'):
        BagReader(text)
    path = write_bag(tmp_path / 'bag')
    (path / 'metadata.yaml').unlink()
    with pytest.raises(BagError, match='reindex.*bag.mcap'):
        BagReader(path)
    assert len(read_all(path / 'bag.mcap')) == 10
    with (path / 'metadata.yaml').open('w') as file:
        file.write('rosbag2_bagfile_information: [')
    (path / 'bag.mcap').unlink()  # beside good files it does not matter
    with pytest.raises(BagError, match='cannot be opened'):
        BagReader(path)


def test_missing_topic_lists_what_there_is(tmp_path):
    with (
        BagReader(write_bag(tmp_path / 'bag')) as bag,
        pytest.raises(BagError, match='no topic /rear.*camera/image_raw'),
    ):
        list(bag.messages(['/rear']))


def test_short_and_wrong_messages(tmp_path):
    with pytest.raises(FrameError, match='no header'):
        _ = RawMessage('/t', IMAGE, 0, b'\x00\x01').stamp_ns
    with pytest.raises(FrameError, match='not a valid sensor_msgs/msg/Image'):
        RawMessage('/t', IMAGE, 0, bytes(40)[:20]).decode()
    big_endian = bytes([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3])
    assert RawMessage('/t', IMAGE, 0, big_endian).stamp_ns == 2 * SECOND + 3


def test_label_info_must_be_one(tmp_path):
    with BagReader(write_bag(tmp_path / 'bag')) as bag:
        with pytest.raises(BagError, match='expected vision_msgs/msg/LabelInfo'):
            bag.label_names('/camera/image_raw')
        with pytest.raises(BagError, match='no topic'):
            bag.label_names('/nothing')


# Reads a bag in a process of its own and prints by how much its memory grew.
_MEMORY_CODE = """
import resource, sys
from rtseg_ros.frames.bags.reader import BagReader
with BagReader(sys.argv[1]) as bag:
    count = 0
    for raw in bag.messages(['/camera/image_raw']):
        raw.decode()
        count += 1
        if count == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.process
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_memory_does_not_grow_with_the_bag(tmp_path, storage):
    """120 frames of 1.4 MB: 166 MB go through, less than 30 MB stay."""
    frame = np.zeros((600, 768, 3), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with BagWriter(tmp_path / 'bag', storage=storage) as bag:
        for index in range(120):
            bag.write(frame, index * SECOND)
            if index == 5:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    result = subprocess.run(
        [sys.executable, '-c', _MEMORY_CODE, str(tmp_path / 'bag')],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    count, read = map(int, result.stdout.split())
    assert count == 120
    assert written < 30, 'MB that the writer kept'
    assert read < 30, 'MB that the reader kept'


def test_a_bag_damaged_in_the_middle_gives_the_frames_before(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(30):
            bag.write(noise_frame(index, (200, 300)), index * SECOND)
    file = tmp_path / 'bag' / 'bag.mcap'
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400_000] = b'\xff' * 400_000
    file.write_bytes(bytes(data))
    images = []
    with BagReader(tmp_path / 'bag') as bag, pytest.raises(BagError) as raised:
        images.extend(bag.messages(['/camera/image_raw']))
    assert 0 < len(images) < 30
    assert f'damaged after {len(images)} messages' in str(raised.value)


@pytest.mark.parametrize(('order', 'color'), [('bgr', (10, 120, 250)), ('rgb', (250, 120, 10))])
def test_colours_whose_order_no_encoding_names_are_guessed_and_said(tmp_path, order, color):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(3):
            bag.write(np.full((8, 8, 3), (10, 120, 250), np.uint8), index)
    for path in (tmp_path / 'bag').glob('*.mcap'):
        path.write_bytes(path.read_bytes().replace(b'bgr8', b'8UC3'))
    source = BagSource(tmp_path / 'bag', generic_order=order)
    assert {tuple(item.frame()[0, 0]) for item in source} == {color}
    ((said, count),) = source.problems.items()
    assert f'taken as {order}' in said
    assert count == 3
