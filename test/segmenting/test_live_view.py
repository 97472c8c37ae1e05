# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page of the live view, asked as a browser asks, and seen in one."""

from http.client import HTTPConnection
import json
import time

import browser
import numpy as np
import pytest

from rtseg_ros.errors import SettingError
from rtseg_ros.labels import CAMVID
from rtseg_ros.segmenting.live_view import LiveView
from rtseg_ros.segmenting.painter import Painter


@pytest.fixture
def view():
    shown = LiveView(Painter(CAMVID))
    yield shown
    shown.close()


def ask(view, path, host='127.0.0.1'):
    connection = HTTPConnection(*view.address, timeout=20)
    connection.request('GET', path, headers={'Host': f'{host}:{view.address[1]}'})
    return connection.getresponse()


def test_it_listens_on_this_machine_alone(view):
    assert view.local_only
    assert view._server.socket.getsockname()[0] == '127.0.0.1'


@pytest.mark.parametrize('host', ['evil.example', '192.168.1.5', ''])
def test_other_names_of_this_machine_are_refused(view, host):
    assert ask(view, '/', host).status == 403


def test_the_page_brings_everything_itself(view):
    answer = ask(view, '/')
    page = answer.read().decode()
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers['Content-Security-Policy']
    assert '://' not in page


@pytest.mark.parametrize('path', ['/etc/passwd', '/../view.html', '/stream/x'])
def test_nothing_else_is_served(view, path):
    assert ask(view, path).status == 404


def test_the_state_has_classes_and_colours(view):
    view.show(np.zeros((8, 8, 3), np.uint8), 'frame 1, 2.0 per second')
    state = json.loads(ask(view, '/state').read())
    assert state['text'] == 'frame 1, 2.0 per second'
    assert state['classes'][3] == {'name': 'Road', 'color': [128, 64, 128]}


def test_the_stream_gives_the_newest_picture_and_ends_with_the_view():
    view = LiveView(Painter(CAMVID))
    view.show(np.full((8, 8, 3), 10, np.uint8), 'one')
    view.show(np.full((8, 8, 3), 200, np.uint8), 'two')
    answer = ask(view, '/stream')
    assert answer.headers['Content-Type'] == 'multipart/x-mixed-replace; boundary=frame'
    assert answer.readline() == b'--frame\r\n'
    assert answer.readline() == b'Content-Type: image/jpeg\r\n'
    size = int(answer.readline().split()[1])
    answer.readline()
    import cv2

    picture = cv2.imdecode(np.frombuffer(answer.read(size), np.uint8), cv2.IMREAD_COLOR)
    assert picture.mean() == pytest.approx(200, abs=3)
    view.close()
    assert answer.read().startswith(b'\r\n--frame\r\n')


def test_a_port_that_is_taken_is_named(view):
    with pytest.raises(SettingError, match=f'cannot listen on 127.0.0.1, port {view.address[1]}'):
        LiveView(Painter(CAMVID), port=view.address[1])


@pytest.mark.browser
def test_a_browser_shows_pictures_and_classes(tmp_path):
    program = browser.find()
    if program is None:
        pytest.skip('no Chromium is installed')
    view = LiveView(Painter(CAMVID))
    page = browser.Browser(program, tmp_path)
    try:
        view.show(np.full((90, 160, 3), 60, np.uint8), 'frame 1')
        page.visit(f'http://127.0.0.1:{view.address[1]}/')
        size = "(p => [p.naturalWidth, p.naturalHeight])(document.getElementById('picture'))"
        until(lambda: page.evaluate(size) == [160, 90])
        until(lambda: page.evaluate("document.getElementById('state').textContent") == 'frame 1')
        names = page.evaluate("document.getElementById('classes').innerText").split('\n')
        assert [name.strip() for name in names if name.strip()] == list(CAMVID.names)
        view.show(np.full((90, 160, 3), 60, np.uint8), 'frame 2')
        until(lambda: page.evaluate("document.getElementById('state').textContent") == 'frame 2')
        assert page.complaints == []
        view.close()
        until(lambda: page.evaluate("document.getElementById('state').textContent") == 'ended')
    finally:
        page.close()


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)
