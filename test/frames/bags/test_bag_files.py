# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the field does to bags: edited, cut off, compressed, of ROS 1, given by another name."""

import sqlite3

import numpy as np
import pytest
from random_frames import noise_frame

pytest.importorskip('rosbags', reason='rosbags is not installed')
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
import yaml

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.bags.messages import CAMERA_INFO, IMAGE, TYPES
from rtseg_ros.frames.bags.reader import BagReader
from rtseg_ros.frames.bags.storage import find_files
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.bags.zstd import zstd

SECOND = 1_000_000_000
COUNT = 6
TOPIC = '/camera/image_raw'


def write_bag(path, *, storage='mcap', count=COUNT, size_hw=(60, 80)):
    with BagWriter(path, storage=storage) as bag:
        for index in range(count):
            bag.write(noise_frame(index, size_hw), index * SECOND)
    return path


def storage_of(folder):
    return next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))


def edit(folder, change):
    path = folder / 'metadata.yaml'
    facts = yaml.safe_load(path.read_text())
    change(facts['rosbag2_bagfile_information'])
    path.write_text(yaml.safe_dump(facts))


def frames(path):
    """Return the frames' indices, each checked, and the error that ended reading, if any."""
    seen, error = [], ''
    try:
        for item in BagSource(path):
            index = round(item.stamp_ns / SECOND)
            assert (item.frame() == noise_frame(index, item.frame().shape[:2])).all()
            seen.append(index)
    except BagError as problem:
        error = str(problem)
    return seen, error


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('qos', ['', [], '- history: 1\n  depth: 3\n', 'junk: [', None])
@pytest.mark.fault(said=0)
def test_qos_of_the_index_does_not_matter(tmp_path, storage, qos):
    path = write_bag(tmp_path / 'bag', storage=storage)

    def change(facts):
        for item in facts['topics_with_message_count']:
            item['topic_metadata']['offered_qos_profiles'] = qos

    edit(path, change)
    assert frames(path) == (list(range(COUNT)), '')


@pytest.mark.fault(said=1)
def test_an_index_that_promises_what_no_file_holds_is_an_error(tmp_path):
    path = write_bag(tmp_path / 'bag')

    def change(facts):
        for item in facts['topics_with_message_count']:
            item['topic_metadata']['name'] = '/other' + item['topic_metadata']['name']

    edit(path, change)
    with pytest.raises(BagError, match=f'promises {COUNT} messages on /other.*hold none'):
        list(BagSource(path, image_topic='/other' + TOPIC))


@pytest.mark.parametrize('compression', [None, CompressionFormat.ZSTD])
@pytest.mark.parametrize('share', [0.3, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.fault(said=1)
def test_an_mcap_cut_off_gives_the_frames_before(tmp_path, share, compression):
    path = tmp_path / 'bag'
    if compression is None:
        write_bag(path)
    else:
        write_compressed(path, compression, CompressionMode.STORAGE)
    file = storage_of(path)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    seen, error = frames(path)
    least = 1 if share < 0.5 else int(share * COUNT) - 1
    assert len(seen) >= least
    assert seen == list(range(len(seen)))
    assert file.name in error
    assert 'damaged' in error
    with BagReader(path) as bag:
        assert bag.broken


def write_compressed(path, compression, mode):
    types = TYPES
    bag = Writer(path, version=8, storage_plugin=StoragePlugin.MCAP)
    bag.set_compression(mode, compression)
    with bag:
        topic = bag.add_connection(TOPIC, IMAGE, typestore=types)
        for index in range(COUNT):
            bag.write(topic, index * SECOND, cdr(types, index))
    return path


def cdr(types, index):
    time = types.types['builtin_interfaces/msg/Time'](sec=index, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=time, frame_id='')
    message = types.types[IMAGE](
        header, 60, 80, 'bgr8', 0, 240, noise_frame(index, (60, 80)).ravel()
    )  # fmt: skip
    return types.serialize_cdr(message, IMAGE)


@pytest.mark.parametrize('share', [0.4, 0.6, 0.9])
@pytest.mark.fault(said=1)
def test_a_database_cut_off_gives_the_frames_before(tmp_path, share):
    path = write_bag(tmp_path / 'bag', storage='sqlite3', count=20)
    file = storage_of(path)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    seen, error = frames(path)
    assert len(seen) >= int(share * 20) - 2
    assert file.name in error


@pytest.mark.fault(said=1)
def test_a_database_with_a_damaged_page_gives_the_others(tmp_path):
    path = write_bag(tmp_path / 'bag', storage='sqlite3', count=20)
    file = storage_of(path)
    with sqlite3.connect(file) as base:
        size = base.execute('PRAGMA page_size').fetchone()[0]
        root = base.execute("SELECT rootpage FROM sqlite_master WHERE name='timestamp_idx'")
        page = root.fetchone()[0]
    data = bytearray(file.read_bytes())
    data[(page - 1) * size : page * size] = b'\xff' * size  # the index, not the messages
    file.write_bytes(bytes(data))
    seen, _ = frames(path)
    assert seen == list(range(20))


def split_bag(folder):
    """Make a bag of two files of three frames each."""
    parts = [write_bag(folder / name, count=COUNT) for name in ('one', 'two')]
    (parts[1] / 'two.mcap').rename(parts[0] / 'two.mcap')

    def change(facts):
        facts['relative_file_paths'] = ['one.mcap', 'two.mcap']

    edit(parts[0], change)
    return parts[0]


@pytest.mark.fault(said=1)
def test_a_missing_split_is_named_and_the_rest_read(tmp_path):
    path = split_bag(tmp_path)
    assert frames(path) == (list(range(COUNT)) * 2, '')
    (path / 'two.mcap').unlink()
    seen, error = frames(path)
    assert seen == list(range(COUNT))
    assert 'two.mcap is missing' in error
    (path / 'one.mcap').write_bytes(b'')
    assert 'files are missing or empty: one.mcap, two.mcap' in error_of(path)


def error_of(path):
    with pytest.raises(BagError) as raised:
        BagSource(path)
    return str(raised.value)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.fault(said=0)
def test_compressed_files_alone_and_metadata_as_the_path(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', storage=storage)
    assert frames(path / 'metadata.yaml') == (list(range(COUNT)), '')
    file = storage_of(path)
    packed = file.with_name(file.name + '.zstd')
    packed.write_bytes(zstd().compress(file.read_bytes()))
    assert frames(packed) == (list(range(COUNT)), '')
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    seen, error = frames(packed)
    assert len(seen) < COUNT
    assert file.name in error


@pytest.mark.fault(said=0)
def test_files_whose_messages_are_compressed(tmp_path):
    path = write_compressed(tmp_path / 'bag', CompressionFormat.ZSTD, CompressionMode.MESSAGE)
    assert frames(path) == (list(range(COUNT)), '')
    assert frames(storage_of(path)) == (list(range(COUNT)), '')


@pytest.mark.fault(said=0)
def test_a_ros_1_bag_is_read(tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    path = tmp_path / 'old.bag'
    with Ros1Writer(path) as bag:
        topic = bag.add_connection(TOPIC, IMAGE, typestore=types)
        info = bag.add_connection('/camera/camera_info', CAMERA_INFO, typestore=types)
        for index in range(COUNT):
            time = types.types['builtin_interfaces/msg/Time'](sec=index, nanosec=0)
            header = types.types['std_msgs/msg/Header'](seq=index, stamp=time, frame_id='cam')
            message = types.types[IMAGE](
                header, 60, 80, 'bgr8', 0, 240, noise_frame(index, (60, 80)).ravel()
            )
            bag.write(topic, index * SECOND, types.serialize_ros1(message, IMAGE))
            roi = types.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
            message = types.types[CAMERA_INFO](
                header, 60, 80, 'plumb_bob', np.arange(5.0), np.arange(9.0), np.arange(9.0),
                np.arange(12.0), 0, 0, roi,
            )  # fmt: skip
            bag.write(info, index * SECOND, types.serialize_ros1(message, CAMERA_INFO))
    assert frames(path) == (list(range(COUNT)), '')
    with BagReader(path) as bag:
        read = next(bag.messages(['/camera/camera_info'])).decode()
    assert (read.header.frame_id, read.k[8], read.p[11], read.d[4]) == ('cam', 8, 11, 4)
    assert 'give one of its files: old.bag' in error_of(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    assert 'rosbag reindex' in error_of(path)
    assert 'ros2' not in error_of(path)


@pytest.mark.fault(said=1)
def test_files_that_are_none(tmp_path):
    empty = tmp_path / 'empty.mcap'
    empty.touch()
    assert 'is an empty file' in error_of(empty)
    text = tmp_path / 'notes.txt'
    text.write_text('x')
    assert 'is not a bag; accepted: a folder, or .mcap, .db3, .bag' in error_of(text)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize(
    ('index', 'words'),
    [
        (b'rosbag2_bagfile_information: {version: [', 'damaged .line 1: '),
        (b'', 'damaged'),
        (b'- a list', 'damaged'),
        (bytes(range(128, 256)), 'damaged'),
        (None, 'names other.file, which is not there'),
    ],
)
@pytest.mark.fault
def test_a_damaged_index_beside_good_files(tmp_path, storage, index, words):
    """The frames are read, and that nobody knows whether these are all is said."""
    path = tmp_path / 'bag'
    write_bag(path, storage=storage)
    metadata = path / 'metadata.yaml'
    if index is None:
        name = next(file.name for file in path.iterdir() if file != metadata)
        index = metadata.read_bytes().replace(name.encode(), b'other.file')
    metadata.write_bytes(index)
    items, stamps = iter(BagSource(path)), []
    for _ in range(COUNT):
        stamps.append(next(items).stamp_ns)
    with pytest.raises(BagError, match=f'{words}.*files of its folder were read instead'):
        next(items)
    assert stamps == sorted(set(stamps))


def test_splits_without_an_index_are_read_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / 'bag').mkdir()
    for number in (2, 10, 1):
        write_bag(tmp_path / str(number), count=1)
        file = next((tmp_path / str(number)).glob('*.mcap'))
        file.rename(tmp_path / 'bag' / f'bag_{number}.mcap')
    (tmp_path / 'bag' / 'metadata.yaml').write_text('broken: [')
    names = [path.name for path in find_files(tmp_path / 'bag').paths]
    assert names == ['bag_1.mcap', 'bag_2.mcap', 'bag_10.mcap']
