# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""video_node: a folder or a file as a camera."""

import contextlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image

from rtseg_ros.frames.image_message import pixels_from_image


@pytest.fixture
def folder(tmp_path):
    """Three frames, blue 10, 20, 30, named out of the order of their making."""
    for name, blue in (('c.png', 30), ('a.png', 10), ('b.png', 20)):
        cv2.imwrite(str(tmp_path / name), np.full((24, 32, 3), (blue, 0, 0), np.uint8))
    (tmp_path / 'notes.txt').write_text('not an image')
    return tmp_path


def blues(images):
    return [int(pixels_from_image(image)[0, 0, 0]) for image in images]


def test_folder_once_in_order(launch_node, make_robot, folder):
    process = launch_node(
        'video_node', namespace='/film', source=folder, rate_hz=20.0, wait_for_subscribers=1,
        frame_id='optical',
    )  # fmt: skip
    robot = make_robot('/film')
    images, statuses = [], []
    robot.listen(Image, 'image', images)
    robot.listen(DiagnosticArray, '/diagnostics', statuses)
    robot.until(lambda: len(images) == 3, what='three frames')
    robot.spin(1.5)
    assert blues(images) == [10, 20, 30]
    assert {image.header.frame_id for image in images} == {'optical'}
    stamps = [image.header.stamp.sec + image.header.stamp.nanosec / 1e9 for image in images]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - time.time()) < 60
    last = next(s for m in reversed(statuses) for s in m.status if s.name == 'film/video')
    values = {item.key: item.value for item in last.values}
    assert (values['sent'], values['finished']) == ('3', 'True')
    assert process.stop() == 0


def test_a_part_of_it(launch_node, make_robot, folder):
    process = launch_node(
        'video_node', namespace='/part', source=folder, rate_hz=20.0, wait_for_subscribers=1,
        first_frame=1, limit=1,
    )  # fmt: skip
    robot = make_robot('/part')
    images = []
    robot.listen(Image, 'image', images)
    process_says = f'end of {folder}: 1 frames sent'
    robot.until(lambda: process_says in process.text(), what='the end of the part')
    robot.until(lambda: images, what='its frame')
    assert blues(images) == [20]
    assert process.stop() == 0


def test_a_part_behind_the_end_is_refused(launch_node, folder):
    process = launch_node('video_node', namespace='/beyond', source=folder, first_frame=3)
    assert process.ended() == 1
    assert 'no frames that can be decoded after the first 3 (first_frame)' in process.text()


def test_loop(launch_node, make_robot, folder):
    process = launch_node('video_node', namespace='/again_film', source=folder, loop=True)
    robot = make_robot('/again_film')
    images = []
    robot.listen(Image, 'image', images)
    robot.until(lambda: len(images) >= 7, what='frames of the third round')
    values = blues(images)
    assert all((b - a) % 30 == 10 for a, b in zip(values, values[1:], strict=False))
    assert process.stop() == 0


def test_the_limit_counts_every_round(launch_node, make_robot, folder):
    process = launch_node(
        'video_node', namespace='/short_film', source=folder, loop=True, limit=4, rate_hz=20.0,
        wait_for_subscribers=1,
    )  # fmt: skip
    robot = make_robot('/short_film')
    images = []
    robot.listen(Image, 'image', images)
    robot.until(lambda: len(images) >= 4, what='four frames')
    robot.spin(0.5)
    assert blues(images) == [10, 20, 30, 10]
    assert process.stop() == 0


def test_video_file(launch_node, make_robot, tmp_path):
    path = str(tmp_path / 'clip.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip('OpenCV cannot write a video here')
    for value in (0, 120, 240):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    process = launch_node('video_node', namespace='/clip', source=path, wait_for_subscribers=1)
    robot = make_robot('/clip')
    images = []
    robot.listen(Image, 'image', images)
    robot.until(lambda: len(images) == 3, what='three frames')
    np.testing.assert_allclose(blues(images), [0, 120, 240], atol=4)
    assert process.stop() == 0


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'source': '/no/such/film.mp4'}, "no file or folder '/no/such/film.mp4'"),
        ({}, "'source' is empty"),
        ({'source': 97}, "the camera '97' cannot be opened"),  # a number, not its text
        ({'source': '/', 'rate_hz': -5.0}, 'rate_hz'),
    ],
)
def test_what_cannot_be_played_ends_in_one_line(launch_node, arguments, words):
    process = launch_node('video_node', namespace='/nothing', **arguments)
    assert process.ended() == 1
    assert words in process.text()
    assert 'Traceback' not in process.text()


def test_an_image_that_cannot_be_read_is_said_once(launch_node, make_robot, folder):
    (folder / 'b.png').write_bytes(b'none')
    process = launch_node('video_node', namespace='/torn_film', source=folder, loop=True)
    robot = make_robot('/torn_film')
    images, statuses = [], []
    robot.listen(Image, 'image', images)
    robot.listen(DiagnosticArray, '/diagnostics', statuses)
    robot.until(lambda: counted(statuses, 'unreadable') >= 2, what='two rounds')
    assert set(blues(images)) == {10, 30}
    process.wait_for_text('is not a readable image')
    assert process.text().count('is not a readable image') == 1
    for path in folder.glob('*.png'):
        path.unlink()
    process.wait_for_text('end of')
    assert 'holds no image' in process.text()
    assert process.stop() == 0


def counted(statuses, key):
    values = [
        item.value for message in statuses for one in message.status for item in one.values
        if item.key == key
    ]  # fmt: skip
    return int(values[-1]) if values else 0


class Stream(BaseHTTPRequestHandler):
    """A network camera that breaks off again and again, of another level each time."""

    level = 0

    def do_GET(self):  # noqa: N802  the library's name
        type(self).level = (self.level + 60) % 240
        _, data = cv2.imencode('.jpg', np.full((48, 64, 3), self.level, np.uint8))
        self.send_response(200)
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
        self.end_headers()
        head = f'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {data.size}\r\n\r\n'
        with contextlib.suppress(ConnectionError):  # the node has ended
            for _ in range(50):  # OpenCV takes some to learn what they are
                self.wfile.write(head.encode() + data.tobytes() + b'\r\n')
                time.sleep(0.02)

    def log_message(self, *_):
        pass


def test_a_stream_that_breaks_off_is_taken_up_again(launch_node, make_robot):
    with ThreadingHTTPServer(('127.0.0.1', 0), Stream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process = launch_node(
            'video_node', namespace='/net', source=f'http://127.0.0.1:{server.server_port}/a',
            reconnect_s=0.1, wait_for_subscribers=1,
        )  # fmt: skip
        robot = make_robot('/net')
        images, statuses = [], []
        robot.listen(Image, 'image', images)
        robot.listen(DiagnosticArray, '/diagnostics', statuses)
        robot.until(
            lambda: len({round(blue / 60) for blue in blues(images)}) > 1, what='two connections'
        )
        robot.until(lambda: counted(statuses, 'lost') >= 1, what='the loss in the diagnostics')
        assert process.stop() == 0
        server.shutdown()
    assert 'ended after' in process.text()
    assert 'is back' in process.text()
    assert 'Traceback' not in process.text()
