# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames and ground truth of data sets and bags, also of bags that are wrong in many ways."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')
from rosbags.rosbag2 import Writer

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bag_source import (
    PAIRING_WINDOW,
    BagSource,
    camera_of,
    label_set_from_names,
)
from rtseg_ros.frames.bags.messages import COMPRESSED, IMAGE, LABEL_INFO, TYPES
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.frames.sources import DatasetSource
from rtseg_ros.labels import CAMVID, LabelSet

SECOND = 1_000_000_000
LABELS = LabelSet('two', ('a', 'b'), ((1, 1, 1), (2, 2, 2)))


def test_dataset_frames_follow_each_other_within_a_sequence(tmp_path):
    names = ('A_001', 'A_003', 'A_009', 'B_010', 'B_011', 'still')
    for name in names:
        for folder in ('images', 'labels'):
            (tmp_path / 'val' / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / 'val' / folder / f'{name}.png'), np.zeros((4, 6), np.uint8))
    source = DatasetSource(load_folder(tmp_path, 'val', label_set=LABELS))
    assert len(source) == 6
    items = list(source)
    assert [item.name for item in items] == list(names)
    assert [item.continues for item in items] == [False, True, False, False, True, False]
    assert items[0].frame().shape == (4, 6, 3)
    assert items[0].truth().shape == (4, 6)
    assert items[0].instances() is None
    assert source.facts()['name'] == 'two/val'


# Messages, in the order they are written: (topic, type, stamp in s or None for junk, pixels).


def image(topic, stamp, value, *, encoding='bgr8', size_hw=(2, 3)):
    return topic, IMAGE, stamp, (encoding, size_hw, value)


def write(path, messages):
    with Writer(path, version=8) as bag:
        connections = {}
        for index, (topic, kind, stamp, content) in enumerate(messages):
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=TYPES)
            if stamp is None:
                bag.write(connections[topic], index, content)
                continue
            seconds, nanoseconds = stamp if isinstance(stamp, tuple) else (stamp, 0)
            time = TYPES.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
            header = TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id='')
            if kind == IMAGE:
                encoding, (height, width), value = content
                step = width * {'bgr8': 3, '16SC1': 2}.get(encoding, 1)
                data = np.full(step * height, value, np.uint8)
                message = TYPES.types[kind](header, height, width, encoding, 0, step, data)
            else:
                message = TYPES.types[kind](header=header, **content)
            bag.write(connections[topic], index, TYPES.serialize_cdr(message, kind))
    return path


def read(path, **options):
    source = BagSource(path, **options)
    seen = []
    for item in source:
        truth = item.truth()
        value = None if truth is None else int(truth.flat[0])
        seen.append((item.stamp_ns // SECOND, int(item.frame().flat[0]), value, item.continues))
    return seen, source


def test_pairs_by_stamp_whatever_the_order(tmp_path):
    path = write(
        tmp_path / 'bag',
        [
            image('/cam/labels_gt', 2, 1, encoding='mono8'),
            image('/cam/image_raw', 1, 10),
            image('/cam/image_raw', 2, 20),
            image('/cam/labels_gt', 1, 0, encoding='mono8'),
            image('/cam/image_raw', 3, 30),
            image('/cam/labels_gt', 9, 0, encoding='mono8'),
        ],
    )
    seen, source = read(path)
    # One second is a gap.
    assert seen == [(1, 10, 0, False), (2, 20, 1, False), (3, 30, None, False)]
    assert source.problems == {'labels without an image': 1}
    assert source.labels is None
    assert len(source) == 3


def test_waits_for_labels_only_so_long(tmp_path):
    count = PAIRING_WINDOW + 5
    late = [image('/cam/image_raw', stamp, stamp) for stamp in range(1, count + 1)]
    late += [image('/cam/labels_gt', stamp, 1, encoding='mono8') for stamp in range(1, count + 1)]
    seen, source = read(write(tmp_path / 'bag', late))
    assert [stamp for stamp, *_ in seen] == list(range(1, count + 1))
    # The first five images had to go before their labels came.
    assert [value for _, _, value, _ in seen] == [None] * 5 + [1] * PAIRING_WINDOW
    assert source.problems['labels without an image'] == 5


def test_labels_do_not_wait_for_ever_either(tmp_path):
    count = PAIRING_WINDOW + 3
    early = [image('/cam/labels_gt', stamp, 1, encoding='mono8') for stamp in range(1, count + 1)]
    early += [image('/cam/image_raw', stamp, stamp) for stamp in (1, 3, 4, count)]
    seen, source = read(write(tmp_path / 'bag', early))
    assert [value for _, _, value, _ in seen] == [None, None, 1, 1]
    assert source.problems['labels without an image'] == count - 2


def test_duplicates_and_time_jumps_are_counted(tmp_path):
    messages = [image('/i', stamp, 1) for stamp in (5, 5, 3, 4)]
    seen, source = read(write(tmp_path / 'bag', messages))
    assert [stamp for stamp, *_ in seen] == [5, 5, 3, 4]
    assert source.problems == {
        'images with the stamp of an earlier one': 1,
        'images out of order': 1,
    }


def test_junk_messages_are_counted_or_raise_for_their_frame_only(tmp_path):
    path = write(
        tmp_path / 'bag',
        [
            image('/cam/image_raw', 1, 1),
            ('/cam/image_raw', IMAGE, None, b'\x00\x01'),
            ('/cam/image_raw', IMAGE, None, bytes([0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9])),
            image('/cam/image_raw', 3, 1, encoding='yuv99'),
            image('/cam/image_raw', 4, 1),
            image('/cam/labels_gt', 4, 1, encoding='bgr8'),
        ],
    )
    source = BagSource(path)
    items = list(source)
    assert [item.stamp_ns // SECOND for item in items] == [1, 2, 3, 4]
    assert source.problems == {'messages without a header': 1}
    for item, message in ((items[1], 'not a valid'), (items[2], 'yuv99')):
        with pytest.raises(FrameError, match=message):
            item.frame()
    with pytest.raises(FrameError, match="encoding 'bgr8'; accepted: mono8"):
        items[3].truth()


def test_compressed_images_and_png_labels(tmp_path):
    frame = np.full((4, 4, 3), 77, np.uint8)
    labels = np.ones((4, 4), np.uint8)
    png = cv2.imencode('.png', labels)[1].ravel()
    jpeg = cv2.imencode('.jpg', frame)[1].ravel()
    messages = []
    for stamp, data in ((1, png), (2, jpeg)):
        picture = {'format': 'jpeg', 'data': jpeg}
        messages.append(('/cam/image_raw/compressed', COMPRESSED, stamp, picture))
        messages.append(('/cam/labels_gt', COMPRESSED, stamp, {'format': 'x', 'data': data}))
    good, bad = BagSource(write(tmp_path / 'bag', messages))
    assert np.abs(good.frame().astype(int) - 77).max() < 3
    assert (good.truth() == 1).all()
    with pytest.raises(FrameError, match='JPEG changes them'):
        bad.truth()


def test_topics_that_are_missing_wrong_or_many(tmp_path):
    two = write(tmp_path / 'two', [image('/a/image_raw', 1, 1), image('/b/image_raw', 1, 1)])
    with pytest.raises(BagError, match='/a/image_raw, /b/image_raw.: name one'):
        BagSource(two)
    assert BagSource(two, image_topic='/b/image_raw').labels_topic == ''
    with pytest.raises(BagError, match='no topic /c'):
        BagSource(two, image_topic='/c')
    with pytest.raises(BagError, match='no topic /truth'):
        BagSource(two, image_topic='/a/image_raw', labels_topic='/truth')
    info = {'class_map': [], 'threshold': 0.0}
    only = write(tmp_path / 'only', [('/cam/label_info', LABEL_INFO, 1, info)])
    with pytest.raises(BagError, match='no image topic; it holds /cam/label_info'):
        BagSource(only)
    with pytest.raises(BagError, match='is vision_msgs/msg/LabelInfo; expected'):
        BagSource(only, image_topic='/cam/label_info')
    with Writer(tmp_path / 'empty', version=8):
        pass
    with pytest.raises(BagError, match='it is empty'):
        BagSource(tmp_path / 'empty')


def test_label_info_names_the_classes(tmp_path):
    with BagWriter(tmp_path / 'bag', labels=CAMVID) as bag:
        truth = np.array([[0, 10, 11]], np.uint8)
        bag.write(np.zeros((1, 3, 3), np.uint8), SECOND, truth)
    source = BagSource(tmp_path / 'bag')
    assert source.labels is CAMVID
    assert next(iter(source)).truth().tolist() == [[0, 10, 255]]
    assert BagSource(tmp_path / 'bag', labels=LABELS).labels is LABELS


def test_label_info_with_any_ids():
    labels, table = label_set_from_names({0: 'free', 7: 'wall', 255: 'unlabelled', 65535: 'x'})
    assert labels.names == ('free', 'wall')
    assert table[[0, 7, 255]].tolist() == [0, 1, 255]
    assert table[3] == 254  # neither a class nor "no label": it is counted as unknown
    with pytest.raises(BagError, match='each name once'):
        label_set_from_names({0: 'a', 1: 'a'})
    with pytest.raises(BagError, match='at least one class'):
        label_set_from_names({})


@pytest.mark.parametrize(
    ('topic', 'camera'),
    [
        ('/cam/image_raw', '/cam'),
        ('/cam/image_raw/compressed', '/cam'),
        ('/image', ''),
        ('/a/b/image', '/a/b'),
    ],
)
def test_camera_namespace(topic, camera):
    assert camera_of(topic) == camera


def test_labels_within_a_tolerance(tmp_path):
    ns = 1_000_000_000
    messages = []
    for index in range(3):
        messages += [
            image('/cam/image_raw', (index, 5_000), index),
            image('/cam/labels_gt', (index, 6_000), 10 + index, encoding='mono8'),
        ]
    path = write(tmp_path / 'bag', messages)
    seen, source = read(path)
    assert [value for *_, value, _ in seen] == [None] * 3
    assert source.problems['labels without an image'] == 3
    assert any('--pair-ms' in problem and '0.001 ms' in problem for problem in source.problems)
    seen, source = read(path, pair_ns=1_000)
    assert [value for *_, value, _ in seen] == [10, 11, 12]
    assert not source.problems
    assert read(path, pair_ns=999)[1].problems['labels without an image'] == 3
    # The nearest, not the first.
    two = [image('/cam/labels_gt', (0, stamp), stamp, encoding='mono8') for stamp in (1, 4, 9)]
    path = write(tmp_path / 'two', [*two, image('/cam/image_raw', (0, 5), 0)])
    assert read(path, pair_ns=ns)[0][0][2] == 4


def test_stamps_that_cannot_be_are_counted(tmp_path):
    t = 1_700_000_000
    stamps = [0, t + 1, (t + 2, 1_500_000_000), -7, (t + 2, 100), (t + 2, 200)]
    items = [image('/i', stamp, 1) for stamp in stamps]
    source = BagSource(write(tmp_path / 'bag', items))
    assert [item.continues for item in source] == [False] * 5 + [True]
    assert source.problems == {
        'images whose stamp cannot be: 0 among others': 1,
        'images whose stamp cannot be: nanosec of a second or more': 1,
        'images whose stamp cannot be: negative': 1,
    }
    assert source.first_stamp_ns() == (t + 1) * SECOND
    simulated = BagSource(write(tmp_path / 'zero', [image('/i', i, 1) for i in range(3)]))
    assert len(list(simulated)) == 3
    assert not simulated.problems
    assert simulated.first_stamp_ns() == 0


def test_jumps_of_the_clock_are_counted_and_not_played(tmp_path):
    items = [image('/i', stamp, 1) for stamp in (10, 11, 1_700_000_000, 1_700_000_001)]
    source = BagSource(write(tmp_path / 'bag', items))
    list(source)
    assert source.problems == {'images more than 10 s after the one before': 1}
    source = BagSource(tmp_path / 'bag', max_gap_s=3e9)
    list(source)
    assert not source.problems


def test_what_is_named_or_no_camera_is_no_candidate(tmp_path):
    messages = [
        image('/cam/image_raw', 1, 1),
        image('/cam/ids', 1, 1, encoding='mono8'),
        image('/cam/overlay', 1, 1),
        image('/seg/mask', 1, 1, encoding='mono8'),
        image('/deep/image_rect', 1, 1, encoding='16SC1'),
        ('/seg/mask/compressed', COMPRESSED, 1, {'format': 'png', 'data': np.zeros(1, 'u1')}),
        ('/x/compressedDepth', COMPRESSED, 1, {'format': '', 'data': np.zeros(1, 'u1')}),
    ]
    source = BagSource(write(tmp_path / 'bag', messages), labels_topic='/cam/ids')
    assert source.image_topic == '/cam/image_raw'
    assert (
        source.facts()['left_out']
        == source.left_out
        == {
            '/cam/ids': 'named as the labels',
            '/cam/overlay': "named 'overlay'",
            '/seg/mask': "named 'mask'",
            '/deep/image_rect': "encoding '16SC1'",
            '/seg/mask/compressed': "named 'mask'",
            '/x/compressedDepth': 'compressed depth',
        }
    )
    with pytest.raises(BagError, match=r'several.*/cam/ids.*name one; left out: /cam/overlay'):
        BagSource(tmp_path / 'bag')
