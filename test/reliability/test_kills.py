# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment: nothing is half written under its name, and the next start goes on.

Each kind of process is killed ``--kills`` times, every other time while it writes a file; `make
kills KILLS=100` does so a hundred times and prints what was lost.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

from foreign_models import SIZE, foreign, write_labels
from kill_count import half_written
import numpy as np
from places import ROOT
import pytest
from random_frames import noise_frame
from streets import TINY, write_dataset
import yaml

from rtseg_ros.runtime.model_file import read_model_file

PATIENCE_S = 900.0  # a machine may be busy; what hangs must end at last


def begin(*words, cwd):
    """Start a verb of rtseg in a group of its own; what it says goes into a file."""
    with (cwd / 'log.txt').open('ab') as log:
        return subprocess.Popen(
            [sys.executable, '-m', 'rtseg_ros.cli', *map(str, words)], cwd=cwd, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        )  # fmt: skip


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f'{what}: not within {PATIENCE_S:.0f} s')


def finished(process, folder):
    assert process.wait(PATIENCE_S) == 0, (folder / 'log.txt').read_text()[-2000:]


@pytest.mark.process
def test_converter(kills, tmp_path):
    """The old model stays until the whole new one is there."""
    pytest.importorskip('torch', reason='torch is not installed')
    theirs = foreign(tmp_path / 'theirs.onnx', [], [('scores', 1, (1, 3, *SIZE))])
    labels = write_labels(tmp_path / 'classes.yaml', 3)
    (tmp_path / 'out').mkdir()
    ours = tmp_path / 'out' / 'ours.onnx'
    words = ['convert', theirs, '-o', ours, '--labels', labels, '--size-hw', *SIZE,
             '--channel-order', 'rgb', '--mean', 120, 110, 100, '--std', 60, 50, 70]  # fmt: skip
    start = time.monotonic()
    finished(begin(*words, cwd=tmp_path), tmp_path)
    usual_s = time.monotonic() - start
    old = read_model_file(ours).sha256
    for _ in range(kills.count):
        process = begin(*words, cwd=tmp_path)
        kills.wait_for_a_moment(tmp_path / 'out', usual_s)
        kill(process)
        new = read_model_file(ours).sha256  # whole, whichever it is
        kills.found['conversions lost'] += new == old
        kills.look_at(tmp_path / 'out')
    finished(begin(*words, cwd=tmp_path), tmp_path)
    assert read_model_file(ours).outputs
    assert not half_written(tmp_path / 'out')


@pytest.mark.training
@pytest.mark.process
def test_trainer(kills, tmp_path):
    """The run goes on after the last finished epoch, to the weights of a run left alone."""
    pytest.importorskip('torch', reason='torch is not installed')
    import torch

    from rtseg_ros.training.checkpoint import load_checkpoint

    root = write_dataset(tmp_path / 'street', 8)
    shutil.copytree(root / 'val', root / 'train')
    classes = [{'name': n, 'color': list(c)} for n, c in zip(TINY.names, TINY.colors, strict=True)]
    (root / 'labels.yaml').write_text(yaml.safe_dump({'name': 'tiny', 'classes': classes}))
    words = ['train', 'skipnet_shufflenet', '--root', root, '--dataset', root / 'labels.yaml',
             '--epochs', 4 * kills.count, '--batch-size', 4, '--crop-hw', 32, 32, '--size-hw', 32,
             64, '--device', 'cpu', '--workers', 1]  # fmt: skip
    finished(begin(*words, '-o', 'alone', cwd=tmp_path), tmp_path)
    last = tmp_path / 'run' / 'last.pth'
    epoch = 0
    for _ in range(kills.count):
        before = last.stat().st_mtime_ns if last.exists() else 0
        process = begin(*words, '-o', 'run', cwd=tmp_path)
        until(
            lambda before=before: last.exists() and last.stat().st_mtime_ns != before, 'an epoch'
        )
        kills.wait_for_a_moment(tmp_path / 'run', 0.5)
        kill(process)
        found = load_checkpoint(last).epoch  # whole
        if (tmp_path / 'run' / 'best.pth').exists():
            load_checkpoint(tmp_path / 'run' / 'best.pth')
        assert found > epoch
        kills.found['epochs begun and lost, at most'] += 1
        epoch = found
        kills.look_at(tmp_path / 'run')
        if found == 4 * kills.count:
            break
    finished(begin(*words, '-o', 'run', cwd=tmp_path), tmp_path)
    one, other = (load_checkpoint(tmp_path / name / 'last.pth') for name in ('alone', 'run'))
    assert one.epoch == other.epoch == 4 * kills.count
    for key, value in one.weights.items():
        assert torch.equal(value, other.weights[key]), key


@pytest.fixture
def graph(launch_node, make_robot, tiny_model, request):
    """The other side of a segmentation node that starts by itself, and what starts it."""
    namespace = f'/{request.node.originalname.removeprefix("test_")}'
    robot = make_robot(namespace)

    def start():
        return launch_node(
            'segmentation_node', namespace=namespace, model=tiny_model, autostart=True
        )

    robot.namespace = namespace
    return robot, start


def killed(process):
    """Kill a node that runs."""
    assert process.alive(), process.text()[-2000:]
    process.stop(signal.SIGKILL)


def sound(robot):
    """Check that a node accounts for every frame, and that none failed."""
    counts = robot.settled_counts()
    parts = sum(value for name, value in counts.items() if name not in ('received', 'in_flight'))
    assert counts['received'] == parts
    assert counts['failed'] == counts['rejected'] == 0


def test_segmentation_node(kills, graph, tmp_path):
    """Frames that come while it is away have no mask; no mask is wrong, and the rest goes on."""
    from rtseg_ros.nodes.messages import image_from_array

    robot, start = graph
    node = start()
    for _ in range(kills.count):
        robot.ready()
        sent = [robot.header() for _ in range(10)]
        frame = np.full((20, 30, 3), (0, 255, 0), np.uint8)
        before = len(robot.masks)
        for header in sent:
            robot.camera.publish(image_from_array(frame, 'bgr8', header=header))
            robot.spin(0.01)
        kills.wait_for_a_moment(tmp_path, 0.05)
        killed(node)
        robot.spin(0.3)
        for mask in robot.masks[before:]:
            if mask.header in sent:
                assert (mask.height, mask.width, set(mask.data)) == (20, 30, {2})
        answered = sum(mask.header in sent for mask in robot.masks[before:])
        kills.found['frames without a mask'] += len(sent) - answered
        node = start()
    robot.ready()
    assert robot.label_of((0, 0, 255)) == 3
    sound(robot)
    node.stop()


def test_video_node(kills, graph, launch_node, tmp_path):
    """The camera of a graph: the node behind it waits and goes on."""
    import cv2

    for index in range(20):
        cv2.imwrite(str(tmp_path / f'{index:02}.png'), noise_frame(index, (48, 64)))
    robot, start = graph
    node = start()
    robot.ready()

    def camera():
        return launch_node(
            'video_node', namespace=robot.namespace, source=tmp_path, loop=True, rate_hz=30.0,
        )  # fmt: skip

    process = camera()
    for _ in range(kills.count):
        seen = len(robot.masks)
        robot.until(lambda seen=seen: len(robot.masks) > seen + 3, what='masks of the camera')
        kills.wait_for_a_moment(tmp_path, 0.1)
        killed(process)
        process = camera()
    seen = len(robot.masks)
    robot.until(lambda: len(robot.masks) > seen + 3, what='masks after the last start')
    process.stop()
    assert node.alive()
    sound(robot)
    node.stop()


@pytest.fixture
def bag(tmp_path):
    pytest.importorskip('rosbags', reason='rosbags is not installed')
    from rtseg_ros.frames.bags.writer import BagWriter

    with BagWriter(tmp_path / 'bag') as writer:
        for index in range(20):
            writer.write(noise_frame(index, (48, 64)), 10**18 + index * 10**8)
    return tmp_path / 'bag'


def test_bag_player(kills, graph, launch_node, bag, tmp_path):
    """It plays from the start again; the bag is only read."""
    before = {path: path.read_bytes() for path in bag.iterdir()}
    robot, start = graph
    node = start()
    robot.ready()

    def player():
        return launch_node(
            'bag_player', namespace=robot.namespace, bag=bag, autoplay=True,
            extra=('-r', 'image_raw:=image'),
        )  # fmt: skip

    process = player()
    for _ in range(kills.count):
        seen = len(robot.masks)
        robot.until(lambda seen=seen: len(robot.masks) > seen + 3, what='masks of the bag')
        kills.wait_for_a_moment(tmp_path, 0.5)
        kills.found['bags not played to the end'] += process.alive()
        process.stop(signal.SIGKILL)
        process = player()
    until(lambda: not process.alive(), 'the end of the bag')
    assert process.ended() == 0, process.text()[-2000:]
    assert {path: path.read_bytes() for path in bag.iterdir()} == before
    sound(robot)
    node.stop()


def test_evaluation_node(kills, graph, launch_node, tiny_model, tmp_path):
    """A report is whole or not there; the next start writes one."""
    robot, start = graph
    node = start()
    robot.ready()
    report = tmp_path / 'report' / 'report.json'

    def evaluation():
        return launch_node(
            'evaluation_node', namespace=robot.namespace, model=tiny_model,
            output=tmp_path / 'report', silence_s=0.5,
        )  # fmt: skip

    def listeners():
        found = robot.node.get_subscriptions_info_by_topic(robot.camera.topic_name)
        return {bytes(end.endpoint_gid) for end in found}

    for number in range(kills.count + 1):
        before = listeners()  # with those that were killed, which DDS takes time to miss
        process = evaluation()
        robot.until(lambda before=before: listeners() - before, what='evaluation listens')
        for _ in range(5):
            robot.labels_of(noise_frame(number, (20, 30)))
        if number < kills.count:
            kills.wait_for_a_moment(tmp_path / 'report', 3.0)
            kills.found['evaluations lost'] += process.alive()
            process.stop(signal.SIGKILL)
            if report.exists():
                assert json.loads(report.read_text())['accounting']
            kills.look_at(tmp_path / 'report')
    until(lambda: not process.alive(), 'the report')
    assert process.ended() == 0, process.text()[-2000:]
    assert json.loads(report.read_text())['accounting']['received'] >= 1
    node.stop()
