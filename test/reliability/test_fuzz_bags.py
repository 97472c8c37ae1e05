# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bags with changed bytes, by file and by message: read as far as it goes, never a crash."""

from contextlib import suppress
from types import SimpleNamespace

from fuzzing import changed, damaged
from hypothesis import strategies as st
import numpy as np
import pytest
from random_frames import noise_frame
import yaml

pytest.importorskip('rosbags', reason='rosbags is not installed')
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.bags.messages import CAMERA_INFO, COMPRESSED, IMAGE, TYPES, RawMessage
from rtseg_ros.frames.bags.reader import BagReader
from rtseg_ros.frames.bags.writer import BagWriter, uncalibrated
from rtseg_ros.frames.bags.zstd import zstd
from rtseg_ros.frames.image_message import frame_from_compressed, frame_from_image
from rtseg_ros.labels import LabelSet

LABELS = LabelSet('two', ('a', 'b'), ((1, 2, 3), (4, 5, 6)))
FRAME = noise_frame(0, (12, 16))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Small bags of every kind."""
    path = tmp_path_factory.mktemp('bags')
    for storage in ('mcap', 'sqlite3'):
        with BagWriter(path / storage, storage=storage, labels=LABELS) as bag:
            for index in range(3):
                bag.write(FRAME, index * 10**9, FRAME[..., 0] % 3)
    packed = Writer(path / 'chunks', version=8, storage_plugin=StoragePlugin.MCAP)
    packed.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    types = TYPES
    with packed as bag:
        topic = bag.add_connection('/camera/image_raw', IMAGE, typestore=types)
        for index in range(3):
            bag.write(topic, index * 10**9, types.serialize_cdr(message(types), IMAGE))
    old = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(path / 'old.bag') as bag:
        topic = bag.add_connection('/camera/image_raw', IMAGE, typestore=old)
        for index in range(3):
            bag.write(topic, index * 10**9, old.serialize_ros1(message(old, seq=0), IMAGE))
    return path


def message(types, **more):
    time = types.types['builtin_interfaces/msg/Time'](sec=1, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=time, frame_id='camera', **more)
    pixels = FRAME.ravel()
    return types.types[IMAGE](header, *FRAME.shape[:2], 'bgr8', 0, FRAME.shape[1] * 3, pixels)


def read_all(path):
    """Read frames and ground truth as an evaluation does, then every message of every topic."""
    source = BagSource(path)
    try:
        for item in source:
            for part in (item.frame, item.truth):
                with suppress(FrameError):
                    part()
        assert source.facts()
        assert source.played_duration_s() >= 0
    finally:
        source.reader.close()


def read_messages(path):
    with BagReader(path) as bag:
        for raw in bag.messages(list(bag.topics)):
            with suppress(FrameError):
                assert raw.stamp_ns is not None
                raw.decode()


def storage_of(folder):
    return next(path for path in folder.iterdir() if path.name != 'metadata.yaml')


KINDS = {
    'mcap': '.mcap', 'sqlite3': '.db3', 'chunks': '.mcap', 'packed': '.mcap.zstd', 'old': '.bag'
}  # fmt: skip


@pytest.mark.parametrize('kind', KINDS)
def test_bag(fuzz, folder, tmp_path, kind):
    path = tmp_path / f'bag{KINDS[kind]}'
    content = {
        'packed': lambda: zstd().compress(storage_of(folder / 'mcap').read_bytes()),
        'old': lambda: (folder / 'old.bag').read_bytes(),
    }.get(kind, lambda: storage_of(folder / kind).read_bytes())()
    path.write_bytes(content)
    read_all(path)

    def read(data):
        path.write_bytes(data)
        with suppress(BagError):
            read_all(path)
        read_messages(path)

    fuzz(damaged([content]), read, BagError)


def test_index_of_a_bag(fuzz, folder, tmp_path):
    good = (folder / 'mcap' / 'metadata.yaml').read_bytes()
    (tmp_path / 'mcap.mcap').write_bytes(storage_of(folder / 'mcap').read_bytes())

    def read(content):
        (tmp_path / 'metadata.yaml').write_bytes(content)
        read_all(tmp_path)

    seeds = [good, b'[' * 10_000, b'{a: ' * 3000, b'&a [*a]']
    inputs = changed([yaml.safe_load(good)]).map(yaml.safe_dump).map(
        lambda text: text.encode('utf-8', 'surrogatepass')
    )  # fmt: skip
    fuzz(st.one_of(inputs, damaged(seeds)), read, BagError)


def test_message_of_a_bag(fuzz):
    types = TYPES
    header = message(types).header
    pixels = np.frombuffer(b'\xff\xd8', np.uint8)
    compressed = types.types[COMPRESSED](header=header, format='jpeg', data=pixels)
    info = uncalibrated(header, 12, 16)
    seeds = {
        IMAGE: types.serialize_cdr(message(types), IMAGE),
        COMPRESSED: types.serialize_cdr(compressed, COMPRESSED),
        CAMERA_INFO: types.serialize_cdr(info, CAMERA_INFO),
    }

    def read(pair):
        kind, data = pair
        raw = RawMessage('/topic', kind, 0, data)
        assert raw.stamp_ns is not None
        decoded = raw.decode()
        if kind == IMAGE:
            frame_from_image(decoded)
        elif kind == COMPRESSED:
            frame_from_compressed(decoded)

    kinds = st.sampled_from(sorted(seeds))
    inputs = kinds.flatmap(lambda kind: st.tuples(st.just(kind), damaged([bytes(seeds[kind])])))
    fuzz(inputs, read, FrameError)


def test_packets_of_a_video(fuzz):
    pytest.importorskip('av', reason='PyAV is not installed')
    from packet_bags import packets_of

    from rtseg_ros.frames.media.packets import PacketDecoder

    packets = [data for data, _ in packets_of([noise_frame(i, (48, 64)) for i in range(4)])]
    names = ['h264;yuv420p;bgr8;bgr8', 'h264', 'hevc', 'libaom-av1', 'mjpeg', 'ffv1', '', 'x']

    def read(pair):
        name, parts = pair
        decoder = PacketDecoder()
        for part in parts:
            with suppress(FrameError):
                decoder.frame(SimpleNamespace(encoding=name, data=part))

    fuzz(st.tuples(st.sampled_from(names), st.lists(damaged(packets), max_size=4)), read)
