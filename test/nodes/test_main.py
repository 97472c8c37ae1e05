# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every node does alike: names mistyped parameters, refuses in one line, ends at signals."""

from pathlib import Path
import signal
import time

import cv2
import numpy as np
import processes
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

pytest.importorskip('rosbags', reason='rosbags is not installed')

from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.nodes import start

pytestmark = pytest.mark.process

FOLDER = Path(start.__file__).parent
# Node -> a parameter of it, mistyped.
MISTYPED = {
    'segmentation_node': ('tensorrt.wrokspace_mib', 'tensorrt.workspace_mib'),
    'evaluation_node': ('patience', 'patience_s'),
    'conversion_node': ('chekpoint', 'checkpoint'),
    'video_node': ('rate_hzz', 'rate_hz'),
    'bag_player': ('image_topc', 'image_topic'),
}
INT, TERM = signal.SIGINT, signal.SIGTERM


def run(name, *words, cwd):
    """Let a node run to its end; return its status and what it said."""
    process = begin(name, *words, cwd=cwd)
    return process.wait(60), said(process)


def begin(name, *words, cwd):
    path = cwd / f'{name}.log'
    with path.open('wb') as log:
        process = processes.begin('-m', f'rtseg_ros.nodes.{name}', *words, cwd=cwd, output=log)
    process.log = path
    return process


def said(process):
    return process.log.read_text()


def test_every_node_is_here():
    with_main = [path for path in FOLDER.glob('*.py') if '\ndef main(' in path.read_text()]
    assert {path.stem for path in with_main} == set(MISTYPED)
    installed = (FOLDER.parents[1] / 'setup.py').read_text()
    for name in MISTYPED:
        assert f"'{name} = rtseg_ros.nodes.start:{name}'" in installed
        assert getattr(start, name).args == (name,)


@pytest.mark.parametrize('name', MISTYPED)
def test_a_mistyped_parameter_is_named(name, tmp_path):
    """Also where the node is refused, for which it may be the reason."""
    wrong, meant = MISTYPED[name]
    process = begin(
        name, '--ros-args', '-p', f'{wrong}:=3.0', '-p', 'nothing.like.it:=1', cwd=tmp_path
    )
    end = time.monotonic() + 60
    while 'nothing.like.it' not in said(process) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(INT)
    process.wait(60)
    assert f"there is no parameter '{wrong}'; did you mean '{meant}'?" in said(process)
    assert "there is no parameter 'nothing.like.it'\n" in said(process)


REMAP = ('-r', 'image:=/cam-front/x'), "'-r image:=/cam-front/x': it is no remap rule; accepted"


@pytest.mark.parametrize(
    ('name', 'words', 'reason'),
    [
        *((name, *REMAP) for name in MISTYPED),
        ('bag_player', ('--params-file', 'no.yaml'), "'--params-file no.yaml': there is no such"),
        ('video_node', ('-p', 'loop'), "'-p loop': it is no parameter override rule; accepted"),
        ('video_node', ('--unheard',), "ROS does not know the arguments ['--unheard']"),
        ('video_node', ('--log-level', 'loud'), 'accepted: debug, info, warn, error or fatal'),
    ],
)
def test_malformed_ros_arguments_are_refused_in_one_line(name, words, reason, tmp_path):
    status, log = run(name, '--ros-args', *words, cwd=tmp_path)
    assert status == 1
    assert reason in log
    assert 'Traceback' not in log
    assert log.count('[FATAL]') == 1
    assert '.c:' not in log  # places in the source of rcl


def test_a_broken_params_file_says_where(tmp_path):
    (tmp_path / 'p.yaml').write_text('/**:\n  ros__parameters:\n    loop: [1, a]\n')
    status, log = run('video_node', '--ros-args', '--params-file', 'p.yaml', cwd=tmp_path)
    assert status == 1
    assert 'should be of same type' in log
    assert 'Traceback' not in log


def test_words_that_ros_does_not_read_are_named(tmp_path):
    """``ros2 run`` without --ros-args: the parameters would go nowhere in silence."""
    status, log = run('video_node', '-p', 'source:=film.mp4', cwd=tmp_path)
    assert status == 1
    assert 'not used: -p source:=film.mp4; parameters stand behind --ros-args' in log


def signalled(name, numbers, cwd, *, after_s, words=()):
    """Signal a node some time after its first line; return its status and what it said."""
    process = begin(name, '--ros-args', *words, cwd=cwd)
    processes.wait_for_signals(process)
    time.sleep(after_s)
    for number in numbers:
        if process.poll() is None:
            process.send_signal(number)
        time.sleep(0.03)
    return process.wait(60), said(process)


@pytest.fixture(scope='module')
def images_and_bag(tmp_path_factory):
    """What video_node and bag_player can play."""
    folder = tmp_path_factory.mktemp('sources')
    (folder / 'images').mkdir()
    pixels = np.zeros((8, 8, 3), np.uint8)
    cv2.imwrite(str(folder / 'images' / '0.png'), pixels)
    with BagWriter(folder / 'bag') as writer:
        writer.write(pixels, 1_700_000_000_000_000_000)
    return folder / 'images', folder / 'bag'


@pytest.mark.parametrize(
    ('name', 'after_s', 'signals'), processes.in_turn(list(MISTYPED), (0.0, 0.35, 0.9))
)
def test_signals_end_it_without_noise(name, after_s, signals, images_and_bag, tmp_path):
    """At whatever moment, during the imports too; and a second one changes nothing."""
    words = {
        'segmentation_node': ('-p', 'autostart:=true'),
        'video_node': ('-p', f'source:={images_and_bag[0]}'),
        'bag_player': ('-p', f'bag:={images_and_bag[1]}'),
    }.get(name, ())
    # A conversion that was stopped is not done, and this one fails by itself in the end.
    accepted = {130, 1} if name == 'conversion_node' else {0}
    numbers = processes.SIGNALS[signals]
    status, log = signalled(name, numbers, tmp_path, after_s=after_s, words=words)
    assert status in accepted, log
    assert 'Traceback' not in log
    assert 'Exception' not in log
    assert not list(tmp_path.glob('**/*.part'))


def test_a_conversion_that_was_stopped_is_not_done(tmp_path):
    assert signalled('conversion_node', (TERM, TERM), tmp_path, after_s=0.0) == (130, '')
