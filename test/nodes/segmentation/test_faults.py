# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: the node lives, publishes no wrong mask, counts it, says why.

Each fault is sent to a real node over DDS, and then a good frame, whose mask must be right.
"""

from collections.abc import Callable
from dataclasses import dataclass
import os
from pathlib import Path
import re
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from builtin_interfaces.msg import Time
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from rtseg_ros.frames.image_message import pixels_from_image
from rtseg_ros.nodes.messages import image_from_array

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BINS = ('published', 'superseded', 'skipped', 'stale', 'rejected', 'failed')


def plain(color=GREEN, size_hw=(20, 30)):
    return np.full((*size_hw, 3), color, np.uint8)


def image(color=GREEN, size_hw=(20, 30), **change):
    message = image_from_array(plain(color, size_hw), 'bgr8', header=Header())
    for name, value in change.items():
        setattr(message, name, value)
    return message


def sixteen_bit(**change):
    """Pure red in 16 bits, big-endian."""
    data = np.zeros((20, 30, 3), '>u2')
    data[..., 0] = 65535
    message = image(encoding='rgb16', is_bigendian=1, step=180, **change)
    message.data.frombytes(bytes(len(data.tobytes()) - len(message.data)))
    message.data = type(message.data)('B', data.tobytes())
    return message


def padded_rows():
    rows = np.full((20, 97), 99, np.uint8)
    rows[:, :90] = plain().reshape(20, 90)
    message = image(step=97)
    message.data = type(message.data)('B', rows.tobytes())
    return message


def more_bytes():
    message = image()
    message.data.frombytes(bytes(50))
    return message


def raw(change):
    """Bytes of a serialised message, changed."""
    return change(bytearray(serialize_message(image())))


def bad_text(data):
    data[data.index(b'bgr8') : data.index(b'bgr8') + 4] = b'\xff\xfe\xc0\x80'
    return data


def claims_more_elements(data):
    at = data.index(b'bgr8') + 12  # the length of the data
    data[at : at + 4] = b'\xff\xff\xff\x7f'
    return data


@dataclass(frozen=True)
class Fault:
    """One kind of input.

    Attributes:
        make: Returns the message, or its bytes.
        words: What the node must say; None if the frame is good and must be answered.
        label: Label of the answer to a good one.
    """

    make: Callable[[], object]
    words: str | None = None
    label: int = 2


RAW = {
    'unknown encoding': Fault(lambda: image(encoding='rgb9'), "'rgb9' is not supported"),
    'no encoding': Fault(lambda: image(encoding=''), "'' is not supported"),
    'encoding of two lines': Fault(lambda: image(encoding='a\nb\rc'), "'a b c' is not supp"),
    'encoding of 100 kB': Fault(lambda: image(encoding='x' * 10**5), "encoding 'xxx"),
    'encoding that is no text': Fault(lambda: raw(bad_text), 'is not supported'),
    'depth image': Fault(lambda: image(encoding='32FC1'), "'32FC1' is not supported"),
    'one byte short': Fault(lambda: image(data=bytes(1799)), 'hold 1799 bytes, fewer than'),
    'no data': Fault(lambda: image(data=b''), 'hold 0 bytes'),
    'zero width': Fault(lambda: image(width=0), 'empty: width 0'),
    'zero height': Fault(lambda: image(height=0), 'empty: width 30, height 0'),
    'step of zero': Fault(lambda: image(step=0), 'step 0 is below the 90 bytes'),
    'step too small': Fault(lambda: image(step=89), 'step 89 is below'),
    'step too large': Fault(lambda: image(step=2**32 - 1), 'fewer than step'),
    'width of 4 billion': Fault(lambda: image(width=2**32 - 1), 'too large'),
    'height of 4 billion': Fault(lambda: image(height=2**32 - 1), 'too large'),
    '100 megapixels': Fault(lambda: image(width=10**4, height=10**4), '100 megapixels'),
    '64 megapixels without data': Fault(
        lambda: image(width=8000, height=8000, step=24000), 'hold 1800 bytes, fewer than'
    ),
    '16 bits with data for 8': Fault(
        lambda: image(encoding='mono16', step=60, data=bytes(600)), 'hold 600 bytes, fewer'
    ),
    'odd width in YUV': Fault(lambda: image(encoding='uyvy', width=29), 'use even'),
    'odd height in NV12': Fault(lambda: image(encoding='nv12', height=19), 'use even'),
    'NV12 without chroma': Fault(
        lambda: image(encoding='nv12', width=90, data=bytes(1800)), 'fewer than step'
    ),
    'cut off in DDS': Fault(lambda: raw(lambda data: data[:1000]), 'are no Image message'),
    'cut off in the header': Fault(lambda: raw(lambda data: data[:14]), 'are no Image message'),
    'length beyond the end': Fault(lambda: raw(claims_more_elements), 'are no Image message'),
    'random bytes': Fault(
        lambda: b'\0\1\0\0' + np.random.default_rng(0).bytes(500), 'are no Image message|empty|lar'
    ),
    'planar YUV with padded rows': Fault(
        lambda: image(encoding='I420', width=28), 'cannot have padded rows'
    ),
    'packed 12 bits': Fault(
        lambda: image(encoding='bayer_rggb12', step=45), 'bayer_rggb12p or bayer_rggb12packed'
    ),
    'two channels': Fault(lambda: image(encoding='8UC2'), "'8UC2' is not supported"),
    'ids of 32 bits': Fault(lambda: image(encoding='32SC1'), "'32SC1' is not supported"),
    'alpha without its bytes': Fault(lambda: image(encoding='rgba8'), 'below the 120 bytes'),
    'YUV in the rows of grey': Fault(lambda: image(encoding='uyvy', step=30), 'below the 60 by'),
    # Unusual, but good: these must be answered.
    'generic colours': Fault(lambda: image(encoding='8UC3')),
    'upper case': Fault(lambda: image(encoding='BGR8')),
    'padded rows': Fault(padded_rows),
    'more bytes than needed': Fault(more_bytes),
    '16 bits, big-endian': Fault(sixteen_bit, label=3),
    'big-endian flag on bytes': Fault(lambda: image(is_bigendian=255)),
    'one pixel': Fault(lambda: image(size_hw=(1, 1))),
    'one row': Fault(lambda: image(size_hw=(1, 3000))),
    'one column': Fault(lambda: image(size_hw=(3000, 1))),
    'other size in mid-stream': Fault(lambda: image(RED, size_hw=(240, 320)), label=3),
    'no frame name': Fault(lambda: image(header=Header(frame_id=''))),
    'frame name of 100 kB': Fault(lambda: image(header=Header(frame_id='f' * 10**5))),
    'foreign letters in the frame name': Fault(lambda: image(header=Header(frame_id='kämera 相'))),
    'stamp of zero': Fault(lambda: image(header=Header(stamp=Time(sec=0, nanosec=0)))),
    'stamp in the far future': Fault(lambda: image(header=Header(stamp=Time(sec=2**31 - 1)))),
    'negative stamp': Fault(lambda: image(header=Header(stamp=Time(sec=-5, nanosec=3)))),
    'stamp with 4 s of nanoseconds': Fault(
        lambda: image(header=Header(stamp=Time(sec=1, nanosec=2**32 - 1)))
    ),
}


def encoded(suffix, pixels=None, *, cut=None, change=None, format_name=None):
    data = cv2.imencode(suffix, plain() if pixels is None else pixels)[1].tobytes()
    if cut is not None:
        data = data[:cut]
    if change is not None:
        data = change(bytearray(data))
    return CompressedImage(data=bytes(data), format=format_name or suffix[1:])


def jpeg_claims(data):
    at = data.index(b'\xff\xc0') + 5
    data[at : at + 4] = b'\xff\xff\xff\xff'
    return data


def png_claims(data):
    data[16:24] = b'\0\0\xff\xff' * 2
    return data


def png_damaged(data):
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(8)
    return data


LARGE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
GREY = np.full((20, 30), 90, np.uint8)
MOSAIC = np.zeros((20, 30), np.uint8)  # of pure red: every second pixel of every second row
MOSAIC[::2, ::2] = 255
COMPRESSED = {
    'no data': Fault(lambda: CompressedImage(format='jpeg'), 'accepted: JPEG and PNG'),
    'text as JPEG': Fault(
        lambda: CompressedImage(format='jpeg', data=b'hello'), 'accepted: JPEG and PNG'
    ),
    'bitmap': Fault(lambda: encoded('.bmp'), 'accepted: JPEG and PNG'),
    'JPEG of two bytes': Fault(lambda: encoded('.jpg', cut=2), 'cut off'),
    'JPEG without an end': Fault(lambda: encoded('.jpg', LARGE, cut=2000), 'cut off'),
    'PNG without an end': Fault(lambda: encoded('.png', LARGE, cut=5000), 'cut off'),
    'damaged PNG': Fault(lambda: encoded('.png', LARGE, change=png_damaged), 'cannot be decoded'),
    'JPEG bomb': Fault(lambda: encoded('.jpg', change=jpeg_claims), '4295 megapixels'),
    'PNG bomb': Fault(lambda: encoded('.png', change=png_claims), '4295 megapixels'),
    'depth in PNG': Fault(
        lambda: encoded('.png', format_name='16UC1; compressedDepth png'), 'compressed depth'
    ),
    'packet of a video': Fault(
        lambda: CompressedImage(format='h264', data=bytes(64)), 'packet of a h264 stream'
    ),
    'packet of H.265': Fault(
        lambda: CompressedImage(format='bgr8; hevc', data=bytes(64)), 'packet of a hevc stream'
    ),
    'depth in RVL': Fault(
        lambda: CompressedImage(format='32FC1; compressedDepth rvl', data=bytes(64)),
        'compressed depth',
    ),
    'theora': Fault(
        lambda: CompressedImage(format='theora', data=b'OggS' + bytes(60)), 'accepted: JPEG and P'
    ),
    'TIFF': Fault(
        lambda: encoded('.tiff', format_name='bgr8; tiff compressed '), 'accepted: JPEG and PNG'
    ),
    'WebP': Fault(lambda: encoded('.webp'), 'accepted: JPEG and PNG'),
    'JPEG behind a stray byte': Fault(
        lambda: encoded('.jpg', change=lambda data: b'\0' + data), 'accepted: JPEG and PNG'
    ),
    'JPEG with bytes behind its end': Fault(
        lambda: encoded('.jpg', change=lambda data: data + bytes(99))
    ),
    'colours lost in JPEG': Fault(
        lambda: encoded('.jpg', GREY, format_name='yuv422_yuy2; jpeg compressed mono8'), label=0
    ),
    'Bayer mosaic in PNG': Fault(
        lambda: encoded('.png', MOSAIC, format_name='bayer_rggb8; png compressed '), label=3
    ),
    'Bayer image made grey': Fault(
        lambda: encoded('.png', MOSAIC // 3, format_name='bayer_rggb8; png compressed mono8'),
        label=0,
    ),
    'JPEG called PNG': Fault(lambda: encoded('.jpg', format_name='png')),
    'grey JPEG is dark': Fault(lambda: encoded('.jpg', np.zeros((20, 30), np.uint8)), label=0),
    '16-bit PNG': Fault(lambda: encoded('.png', plain(RED).astype(np.uint16) * 257), label=3),
    'PNG with alpha': Fault(
        lambda: encoded('.png', np.dstack([plain(RED), np.zeros((20, 30), np.uint8)])), label=3
    ),
    'nameless format': Fault(lambda: encoded('.png', format_name='')),
}


def test_the_documents_count_these_kinds():
    text = (Path(__file__).parents[3] / 'docs' / 'nodes.md').read_text()
    kinds = [*RAW.values(), *COMPRESSED.values()]
    refused = sum(kind.words is not None for kind in kinds)
    assert (
        f'{len(kinds)} kinds of unusual or bad message are sent to the real node: it survives '
        f'{len(kinds)}, answers {len(kinds) - refused} with the right mask, and says why it '
        f'refuses the other {refused}'
    ) in ' '.join(text.split())


CHUNK = 6  # faults between two diagnostics, which come once a second


def chunks(faults):
    names = list(faults)
    return [
        _param({name: faults[name] for name in names[i : i + CHUNK]})
        for i in range(0, len(names), CHUNK)
    ]


def _param(faults):
    said = sum(fault.words is not None for fault in faults.values())
    marks = pytest.mark.fault(kinds=len(faults), said=said)
    return pytest.param(list(faults.values()), id=', '.join(faults), marks=marks)


def send_and_check(robot, publisher, faults):
    """Send faults, a good frame after each; compare what the node says, counts, publishes.

    If the counts do not fit all of them together, as on a busy machine where a good frame
    overtakes a fault, each fault must pass on its own.
    """
    gained = gained_by(robot, publisher, faults)
    said = [robot.diagnostics[key] for key in robot.diagnostics if key.startswith('reason_')]
    if gained != expected_of(faults) or not all(
        fault.words is None
        or any(re.search(re.sub('[0-9]+', '#', fault.words), reason) for reason in said)
        for fault in faults
    ):
        for fault in faults:
            send_and_check_one(robot, publisher, fault)
    assert robot.process.alive()
    assert 'Traceback' not in robot.process.text()


def send_and_check_one(robot, publisher, fault):
    for _ in range(5):
        gained = gained_by(robot, publisher, [fault])
        # On a busy machine the good frame overtakes the fault, here or in DDS.
        if gained['received'] == 2 and not gained['superseded']:
            break
    assert gained == expected_of([fault])
    if fault.words is not None:
        assert re.search(fault.words, robot.diagnostics['last_error'])
        assert '\n' not in robot.diagnostics['last_error']


def expected_of(faults):
    bad = sum(fault.words is not None for fault in faults)
    return dict.fromkeys((*BINS, 'in_flight'), 0) | {
        'received': 2 * len(faults),
        'published': 2 * len(faults) - bad,
        'rejected': bad,
    }


def gained_by(robot, publisher, faults):
    """Send each fault and a good frame; return what the node has counted."""
    before = robot.known_counts or robot.counts()
    start = len(robot.masks)
    for fault in faults:
        message = fault.make()
        if isinstance(message, (bytes, bytearray)):
            message = bytes(message)
        elif message.header == Header():
            message.header = robot.header()
        seen = len(robot.masks)
        publisher.publish(message)
        if fault.words is None:
            robot.until(lambda seen=seen: len(robot.masks) > seen, what='a mask')
            mask = robot.masks[seen]
            assert mask.header == message.header
            assert set(mask.data) == {fault.label}
            if isinstance(message, Image):
                assert (mask.height, mask.width) == (message.height, message.width)
        robot.spin(0.05)
        assert robot.label_with(publisher, BLUE) == 1
    after = robot.known_counts = robot.counts()
    gained = {name: after[name] - before[name] for name in after}
    assert len(robot.masks) == start + gained['published']
    return gained


@pytest.fixture(scope='module')
def raw_robot(bench, tiny_model):
    bench.reconfigure(model=str(tiny_model))
    bench.label_with = lambda publisher, color: bench.label_of(color)
    bench.known_counts = None
    return bench


@pytest.mark.parametrize('faults', chunks(RAW))
def test_image_messages(raw_robot, faults):
    send_and_check(raw_robot, raw_robot.camera, faults)


@pytest.fixture(scope='module')
def jpeg_robot(launch_node, make_robot, tiny_model):
    process = launch_node(
        'segmentation_node', namespace='/jpeg', model=tiny_model, image_transport='compressed',
        autostart=True,
    )  # fmt: skip
    robot = make_robot('/jpeg')
    robot.process = process
    robot.jpeg = robot.node.create_publisher(CompressedImage, 'image/compressed', 5)
    robot.until(robot.jpeg.get_subscription_count, what='the node subscribes')
    robot.spin(1.0)  # until the node has discovered the camera, too

    def label_with(publisher, color):
        message = encoded('.png', plain(color))
        message.header = robot.header()
        publisher.publish(message)
        labels = np.unique(pixels_from_image(robot.mask_of(message)))
        assert len(labels) == 1
        return int(labels[0])

    robot.label_with = label_with
    robot.known_counts = None
    yield robot
    assert process.stop() == 0


@pytest.mark.parametrize('faults', chunks(COMPRESSED))
def test_compressed_messages(jpeg_robot, faults):
    send_and_check(jpeg_robot, jpeg_robot.jpeg, faults)


@pytest.mark.fault(said=1)
def test_log_is_not_flooded(raw_robot):
    """Three hundred bad frames of three kinds in a second leave a handful of lines."""
    robot = raw_robot
    before = robot.counts()
    lines = robot.process.text().count('frame rejected')
    for number in range(100):
        robot.camera.publish(image(encoding='odd', header=robot.header()))
        robot.camera.publish(image(data=bytes(number), header=robot.header()))
        robot.camera.publish(image(width=0, header=robot.header()))
        robot.spin(0.01)
    robot.spin(0.5)
    after = robot.counts()
    lost = after['rejected'] + after['superseded'] - before['rejected'] - before['superseded']
    assert lost == after['received'] - before['received'] > 40
    assert 1 <= robot.process.text().count('frame rejected') - lines <= 10
    assert robot.label_of(RED) == 3


@pytest.mark.fault(said=0)
def test_duplicate_stamps_are_two_frames(raw_robot):
    robot, header = raw_robot, raw_robot.header()
    for color, label in ((BLUE, 1), (RED, 3)):
        seen = len(robot.masks)
        robot.camera.publish(image(color, header=header))
        robot.until(lambda seen=seen: len(robot.masks) > seen, what='a mask')
        assert robot.masks[-1].header == header
        assert set(robot.masks[-1].data) == {label}


@pytest.mark.fault(said=0)
def test_time_that_jumps_back_does_not_stop_it(raw_robot):
    for sec in (2000, 10, 3000, 1):
        message = image(header=Header(stamp=Time(sec=sec, nanosec=7)))
        assert set(raw_robot.answer(message).data) == {2}


@pytest.mark.fault(said=0)
def test_two_publishers(raw_robot):
    other = raw_robot.node.create_publisher(Image, 'image', QoSProfile(depth=5))
    raw_robot.until(other.get_subscription_count, what='the second camera is heard')
    raw_robot.spin(1.0)
    for publisher, color, label in ((other, RED, 3), (raw_robot.camera, BLUE, 1)) * 3:
        message = image(color, header=raw_robot.header())
        publisher.publish(message)
        assert set(raw_robot.mask_of(message).data) == {label}
    raw_robot.node.destroy_publisher(other)


@pytest.mark.fault(said=0)
def test_publisher_of_another_type(raw_robot):
    code = (
        'import time, rclpy\n'
        'from std_msgs.msg import String\n'
        'rclpy.init()\n'
        "node = rclpy.create_node('odd', namespace='/bench')\n"
        "publisher = node.create_publisher(String, 'image', 5)\n"
        'while True:\n'
        "    publisher.publish(String(data='no image'))\n"
        '    time.sleep(0.01)\n'
    )
    other = subprocess.Popen([sys.executable, '-c', code])
    raw_robot.until(lambda: raw_robot.node.count_publishers('/bench/image') > 1, what='it')
    raw_robot.spin(0.3)
    assert raw_robot.label_of(RED) == 3
    other.kill()
    other.wait()


@pytest.mark.fault(said=0)
def test_camera_that_is_killed_and_comes_back(raw_robot):
    code = (
        'import sys, rclpy, time\n'
        'from sensor_msgs.msg import Image\n'
        'rclpy.init()\n'
        "node = rclpy.create_node('camera', namespace='/bench')\n"
        "publisher = node.create_publisher(Image, 'image', 5)\n"
        'while not publisher.get_subscription_count(): time.sleep(0.05)\n'
        'while True:\n'
        "    publisher.publish(Image(width=10, height=10, step=10, encoding='mono8',"
        ' data=bytes(100)))\n'
        '    time.sleep(0.01)\n'
    )
    for _ in range(2):
        seen = len(raw_robot.masks)
        camera = subprocess.Popen([sys.executable, '-c', code])
        raw_robot.until(lambda seen=seen: len(raw_robot.masks) > seen + 20, what='its masks')
        camera.kill()
        camera.wait()
    assert raw_robot.label_of(RED) == 3


@pytest.mark.fault(said=1)
def test_engine_that_raises(raw_robot, make_model):
    """A model that fails on frames whose first blue is 77, on no others."""
    robot = raw_robot
    robot.reconfigure(model=str(make_model('poison', poison=True)))
    before = robot.counts()
    for _ in range(3):
        robot.camera.publish(image((77, 0, 0), header=robot.header()))
        robot.spin(0.2)
        assert robot.label_of(RED) == 3
    after = robot.counts()
    assert after['failed'] - before['failed'] == 3
    assert after['published'] - before['published'] == 3
    assert 'ONNX Runtime failed on a frame' in robot.diagnostics['last_error']
    assert robot.level == b'\1'


@pytest.mark.fault(said=0)
def test_model_file_deleted_and_replaced_while_serving(raw_robot, tmp_path, tiny_model):
    path = tmp_path / 'mine.onnx'
    path.write_bytes(tiny_model.read_bytes())
    raw_robot.reconfigure(model=str(path))
    path.unlink()
    assert raw_robot.label_of(RED) == 3
    path.write_text('something else')
    assert raw_robot.label_of(BLUE) == 1


@pytest.mark.fault(said=0)
def test_subscriber_that_hangs(raw_robot):
    """A stopped process that listens reliably to everything does not hold up the others."""
    robot = raw_robot
    code = (
        'import rclpy\n'
        'from sensor_msgs.msg import Image\n'
        'rclpy.init()\n'
        "node = rclpy.create_node('slow', namespace='/bench')\n"
        "for topic in ('mask', 'overlay'):\n"
        "    node.create_subscription(Image, f'segmentation/{topic}', lambda m: None, 100)\n"
        "print('ready', flush=True)\n"
        'rclpy.spin(node)\n'
    )
    hung = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)
    assert hung.stdout.readline() == b'ready\n'
    robot.spin(1.0)
    os.kill(hung.pid, signal.SIGSTOP)
    try:
        large = plain(GREEN, (480, 640))
        for _ in range(30):
            assert set(np.unique(robot.labels_of(large))) == {2}
    finally:
        hung.kill()
        hung.wait()
    assert robot.label_of(RED) == 3


@pytest.mark.fault(said=0)
def test_sigint_in_the_middle_of_a_frame(launch_node, make_robot, make_model):
    process = launch_node(
        'segmentation_node', namespace='/slow', autostart=True, threads=1,
        model=make_model('slow', size_hw=(480, 640), work=12),
    )  # fmt: skip
    robot = make_robot('/slow')
    robot.until(robot.camera.get_subscription_count, what='the node subscribes')
    robot.spin(1.0)
    robot.camera.publish(image(size_hw=(480, 640), header=robot.header()))
    robot.spin(0.15)
    assert not robot.masks
    assert process.stop(signal.SIGINT) == 0
    assert 'Traceback' not in process.text()


@pytest.mark.fault(said=0)
def test_sigkill_and_restart(launch_node, make_robot, tiny_model):
    robot = make_robot('/again')
    for number in (1, 2):
        process = launch_node(
            'segmentation_node', namespace='/again', model=tiny_model, autostart=True
        )
        color, label = ((BLUE, 1), (RED, 3))[number - 1]
        seen = len(robot.masks)

        def answered(color=color, seen=seen):
            # The killed process stays in the graph for a while, so only an answer tells.
            robot.camera.publish(image(color, header=robot.header()))
            robot.spin(0.1)
            return len(robot.masks) > seen

        robot.until(answered, what='a mask')
        assert set(robot.masks[-1].data) == {label}
        process.stop(signal.SIGKILL)
