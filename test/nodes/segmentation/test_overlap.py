# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Overlapped frames: what each gets is what it gets alone, whatever happens meanwhile."""

import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rclpy.clock import Clock
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rtseg_ros.errors import EngineError
from rtseg_ros.nodes.messages import image_from_array
from rtseg_ros.nodes.output_table import Wanted
from rtseg_ros.nodes.parameters import SegmentationParameters
from rtseg_ros.nodes.segmentation.accounting import FrameAccount
from rtseg_ros.nodes.segmentation.frame_pipeline import FramePipeline
from rtseg_ros.nodes.segmentation.frame_worker import FrameWorker
from rtseg_ros.nodes.segmentation.model_swap import overlaps
from rtseg_ros.nodes.segmentation.overlap import Overlap
from rtseg_ros.nodes.spatial.outputs import Seen
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.openvino.options import OpenVinoOptions

SIZE_HW = (48, 64)


class Stages:
    """Says what was done; the engine is done when the test says so."""

    def __init__(self):
        self.said = []
        self.done = {}

    def prepare(self, waiting):
        if waiting.message == 'bad':
            return None
        self.said.append(('prepare', waiting.message))
        return waiting.message

    def begin(self, frames, on_done):
        self.said.append(('begin', *frames))
        self.done[frames[0]] = on_done
        return frames

    def finish(self, running):
        self.said.append(('finish', *running))

    def supersede(self, frame):
        self.said.append(('supersede', frame))


@pytest.fixture
def flight():
    stages, woken = Stages(), []
    overlap = Overlap(stages, wake=lambda: woken.append(1))
    return SimpleNamespace(
        stages=stages, woken=woken, overlap=overlap,
        take=lambda *names: overlap.take(
            [SimpleNamespace(source=name[0], message=name) for name in names]
        ),
    )  # fmt: skip


def test_the_next_is_prepared_and_the_last_finished_while_the_engine_works(flight):
    flight.take('a1')
    flight.take('a2')
    assert flight.stages.said == [('prepare', 'a1'), ('begin', 'a1'), ('prepare', 'a2')]
    assert not flight.overlap.done
    flight.stages.done['a1']()
    assert flight.woken == [1]
    assert flight.overlap.done
    flight.take()
    assert flight.stages.said[3:] == [('begin', 'a2'), ('finish', 'a1')]
    assert not flight.overlap.done


def test_a_newer_frame_takes_the_place_of_the_ready_one_of_its_source_alone(flight):
    flight.take('a1')
    flight.take('a2', 'b1')
    assert flight.overlap.takes('a', 2)
    assert not flight.overlap.takes('c', 2)
    flight.take('a3')
    flight.overlap.land()
    assert [s for s in flight.stages.said if s[0] != 'prepare'] == [
        ('begin', 'a1'), ('supersede', 'a2'), ('begin', 'b1', 'a3'), ('finish', 'a1'),
        ('finish', 'b1', 'a3'),
    ]  # fmt: skip


def test_a_frame_that_is_refused_leaves_the_older_one(flight):
    flight.take('a1')
    flight.take('a2')
    flight.overlap.take([SimpleNamespace(source='a', message='bad')])
    flight.overlap.land()
    assert ('supersede', 'a2') not in flight.stages.said
    assert flight.stages.said[-1] == ('finish', 'a2')


def test_what_ended_late_does_not_count_for_the_next(flight):
    """Landing waits itself; the word of the first must not pass for that of the second."""
    flight.take('a1')
    flight.take('a2')
    flight.overlap.advance()
    flight.stages.done['a1']()
    assert not flight.overlap.done
    flight.stages.done['a2']()
    assert flight.overlap.done


@pytest.mark.parametrize(
    ('asked', 'name', 'requests', 'cores', 'expected'),
    [
        ('auto', 'onnxruntime', 2, 4, True), ('auto', 'onnxruntime', 2, 3, False),
        ('auto', 'openvino', 2, 2, True), ('auto', 'openvino', 2, 1, False),
        ('auto', 'tensorrt', 1, 16, False), ('always', 'tensorrt', 1, 16, False),
        ('always', 'onnxruntime', 2, 2, True), ('never', 'openvino', 2, 16, False),
    ],
)  # fmt: skip
def test_auto_needs_cores_and_an_engine_that_can(asked, name, requests, cores, expected):
    engine = SimpleNamespace(name=name, requests=requests)
    assert overlaps(asked, engine, cores) is expected


class Robot:
    """A pipeline and its worker, with cameras that keep what is published."""

    def __init__(self, segmenter, *, cameras='a'):
        self.pipeline = FramePipeline(SegmentationParameters(), clock=Clock(), log=print)
        self.worker = FrameWorker(self.pipeline.work, name='segmentation')
        self.worker.call(lambda: self.install(segmenter))
        self.cameras = [Camera(name) for name in cameras]

    def install(self, segmenter):
        self.pipeline.install(segmenter)
        self.worker.overlap = Overlap(self.pipeline, wake=self.worker.wake)

    def send(self, camera, frame, number):
        camera.account.receive()
        header = Header(frame_id=str(number))
        message = serialize_message(image_from_array(frame, 'bgr8', header=header))
        if self.worker.put(camera, message):
            camera.account.finish('superseded')

    def until_taken(self, most):
        """Wait until at most so many frames wait."""
        end = time.monotonic() + 60
        while len(self.worker._frames) > most:
            assert time.monotonic() < end, 'the worker takes no frame'
            time.sleep(0.0005)

    def until_in_the_air(self, most):
        """Wait until at most so many frames of each camera have not ended."""
        end = time.monotonic() + 60
        while any(c.account.snapshot().counts['in_flight'] > most for c in self.cameras):
            assert time.monotonic() < end, 'frames do not end'
            time.sleep(0.0005)

    def stop(self):
        self.worker.stop()
        self.pipeline.install(None)


class Camera:
    """Of the node's, what the pipeline uses; keeps the masks."""

    message_type = Image
    spatial = SimpleNamespace(
        prepare=lambda frame, header, wanted: Seen(frame),
        finished=lambda result, unlabelled_id: result,
        picture=lambda frame, seen: frame,
    )

    def __init__(self, name):
        self.name, self.topic = name, f'/{name}/image'
        self.account = FrameAccount()
        self.masks = {}
        self.colour = SimpleNamespace(note=lambda *_, **__: None)

    def wanted(self):
        return Wanted(frozenset({'mask'}))

    def publish(self, frame, result, *, header, **_):
        self.masks[int(header.frame_id)] = result.labels.copy()


@pytest.fixture(params=['onnxruntime', 'openvino', 'openvino on two streams'])
def load(request, tmp_path):
    """Return a function that loads a model with an engine."""
    engine = request.param.split(maxsplit=1)[0]
    if engine == 'openvino':
        pytest.importorskip('openvino', reason='OpenVINO is not installed')
    streams = 2 if request.param.endswith('streams') else 1
    options = OpenVinoOptions(cache_folder=str(tmp_path / 'cache'), streams=streams, threads=1)
    return lambda path: load_segmenter(path, engine=engine, openvino=options)


def random_frames(count):
    colors = np.random.default_rng(0).integers(0, 256, (count, 6, 8, 3), np.uint8)
    return colors.repeat(8, axis=1).repeat(8, axis=2)


def test_labels_are_those_of_single_frames_with_hot_swap_and_stop_in_mid_flight(load, make_model):
    """Two cameras at full speed, two changes of the model, the end while frames are on the way."""
    models = [make_model('first', work=4), make_model('second', swapped=True, work=4)]
    frames = random_frames(60)
    expected = []
    for path in models:
        single = load(path)
        expected.append([single(frame).labels for frame in frames])
        single.close()
    assert not np.array_equal(*expected)
    robot = Robot(load(models[0]), cameras='ab')
    robot.worker.max_batch = min(2, robot.pipeline.segmenter.engine.max_batch)
    swaps = {20: 1, 40: 0}
    model_of, present = {}, 0
    for number, frame in enumerate(frames):
        if number in swaps:
            robot.until_taken(0)  # and not finished
            new = load(models[swaps[number]])
            robot.worker.call(lambda new=new: robot.install(new))
            present = swaps[number]
        model_of[number] = present
        for camera in robot.cameras:
            robot.send(camera, frame, number)
        if number % 3:  # the others may be superseded
            robot.until_taken(0)
            robot.until_in_the_air(1)
    robot.stop()
    for camera in robot.cameras:
        counts = camera.account.snapshot().counts
        # What still waits when the worker stops is dropped by the node's tap before that.
        assert counts['in_flight'] == robot.worker.drop(camera)
        assert counts['published'] == len(camera.masks) > 5
        assert counts['failed'] == counts['rejected'] == counts['stale'] == 0
        assert counts['received'] == 60
        assert list(camera.masks) == sorted(camera.masks)
        for number, mask in camera.masks.items():
            assert np.array_equal(mask, expected[model_of[number]][number]), number


def test_an_engine_that_fails_costs_its_own_frames_alone(load, make_model, monkeypatch):
    robot = Robot(load(make_model(work=4)))
    engine, frames = robot.pipeline.segmenter.engine, random_frames(30)
    begin, calls = engine.begin, itertools.count()

    def failing(image, **options):
        return (refuse if next(calls) % 3 == 1 else begin)(image, **options)

    monkeypatch.setattr(engine, 'begin', failing)
    (camera,) = robot.cameras
    for number, frame in enumerate(frames):
        robot.send(camera, frame, number)
        robot.until_taken(0)
        if number % 2:
            robot.worker.call(lambda: None)
    counts = camera.account.snapshot().counts
    assert next(calls) > 10
    assert counts['failed'] == 0  # tried once more, alone
    assert counts['published'] + counts['superseded'] == 30
    assert list(camera.masks) == sorted(camera.masks)
    monkeypatch.setattr(engine, 'begin', refuse)
    monkeypatch.setattr(engine, '_infer', refuse)
    robot.send(camera, frames[0], 30)
    robot.until_taken(0)
    robot.worker.call(lambda: None)
    counts = camera.account.snapshot().counts
    assert (counts['failed'], counts['in_flight']) == (1, 0)
    monkeypatch.undo()
    robot.stop()


def refuse(*_, **__):
    raise EngineError('refused')


def test_a_call_finds_nothing_in_the_air(load, make_model):
    robot = Robot(load(make_model(work=4)))
    (camera,) = robot.cameras
    frame = random_frames(1)[0]
    began = threading.Event()
    begin = robot.pipeline.begin

    def noted(frames, on_done):
        began.set()
        return begin(frames, on_done)

    robot.pipeline.begin = noted
    robot.send(camera, frame, 0)
    assert began.wait(60)
    robot.worker.call(lambda: None)
    assert camera.account.snapshot().counts['published'] == 1
    robot.stop()
