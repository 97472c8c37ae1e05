# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Live evaluation with real nodes over real DDS: live equals offline."""

from dataclasses import fields
import json
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest
from streets import COLORS_BGR, TINY
import yaml

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('rosbags', reason='rosbags is not installed')

import rclpy
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from rtseg_ros.cli import main
from rtseg_ros.frames.bags.messages import RawMessage, stamp_ns_from_cdr
from rtseg_ros.frames.bags.writer import BagWriter
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.nodes.bag_player import PlayerParameters, with_stamp
from rtseg_ros.nodes.evaluation_node import EvaluationNode, EvaluationParameters
from rtseg_ros.nodes.messages import image_from_array

ROOT = Path(__file__).parents[2]
COUNT = 24
EQUAL = (
    'miou', 'iou', 'confusion_matrix', 'boundary_f_score', 'temporal_stability',
    'mask_agreement', 'consecutive_pairs', 'truth_pixels',
)  # fmt: skip


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """24 frames at 10 Hz whose truth is not always what the model says."""
    path = tmp_path_factory.mktemp('bags') / 'bag'
    with BagWriter(path, labels=TINY) as writer:
        for index in range(COUNT):
            truth = np.random.default_rng(index).integers(0, 4, (12, 16)).astype(np.uint8)
            truth = cv2.resize(truth, (64, 48), interpolation=cv2.INTER_NEAREST)
            frame = COLORS_BGR[truth]
            truth[: index % 9, :20] = 2
            writer.write(frame, 1_700_000_000_000_000_000 + index * 100_000_000, truth)
    return path


@pytest.fixture(scope='module')
def model(make_model):
    return make_model('live', stride=1)


@pytest.fixture(scope='module')
def offline(bag, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp('offline')
    assert main(['evaluate', str(model), '--bag', str(bag), '-o', str(folder)]) == 0
    return report_in(folder)


def report_in(folder):
    return json.loads((folder / 'report.json').read_text())


# Less patience than in earnest; no less than discovery takes on a busy machine.
IMPATIENT = """
import sys
from rtseg_ros.cli import main
from rtseg_ros.harness import live_evaluation
live_evaluation.DISCOVERY_S = 15.0
sys.exit(main(sys.argv[1:]))
"""


def evaluate(*words, program=('-m', 'rtseg_ros.cli')):
    return subprocess.Popen(
        [sys.executable, *program, 'evaluate', *map(str, words)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        # Where the tests run as a background job, SIGINT is ignored from birth.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.dds
def test_the_command_gives_the_offline_figures(bag, model, offline, tmp_path):
    # At the bag's own rate; slower where other work on the machine makes the node lose a frame.
    for rate_hz in (10, 4, 2):
        options = [] if rate_hz == 10 else ['--rate', rate_hz]
        process = evaluate(
            model, '--bag', bag, '--live', '-o', tmp_path, '--require', 'lost=0',
            '--require', 'latency_p99_ms=600000', *options,
        )  # fmt: skip
        output = process.communicate(timeout=180)[0].decode()
        assert process.returncode in (0, 3), output
        if process.returncode == 0:
            break
        assert 'missed: lost is' in output
    assert process.returncode == 0, output
    report = report_in(tmp_path)
    for key in EQUAL:
        assert report[key] == offline[key] is not None, key
    assert report['accounting']['published'] == COUNT == report['frames']
    live = report['live']
    assert live['sent'] == live['masks'] == COUNT
    assert 0 < live['sent_hz'] < 2 * rate_hz
    assert live['node_counts']['published'] == COUNT
    assert live['node_memory_mib_max'] > 20
    assert report['latency_ms']['total']['p50'] > 0
    assert report['latency_ms']['node_infer']['p99'] > 0
    assert report['model']['engine'] == 'onnxruntime'
    assert not (tmp_path / 'masks.part').exists()
    assert 'sustained' not in (tmp_path / 'report.html').read_text()


@pytest.mark.dds
def test_frames_that_the_node_cannot_take_are_counted(bag, make_model, tmp_path):
    """A slow model at 60 Hz, and Ctrl-C while the sustained rate is searched."""
    slow = make_model('slow', stride=1, work=240)
    process = evaluate(
        slow, '--bag', bag, '--live', '--rate', '60', '--search-rate', '-o', tmp_path
    )
    end = time.monotonic() + 120
    spool = tmp_path / 'masks.part'
    while time.monotonic() < end and process.poll() is None:
        # Still open for writing while the bag is played; then the search begins.
        if spool.exists() and spool.stat().st_size and time.time() - spool.stat().st_mtime > 6:
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 130, output
    report = report_in(tmp_path)
    assert report['stopped_by'] == 'interrupted'
    counts = report['accounting']
    assert counts['received'] == COUNT
    assert counts['superseded'] > 0
    assert counts['published'] + counts['superseded'] + counts.get('lost', 0) == COUNT
    outcomes = [
        json.loads(line)['outcome']
        for line in (tmp_path / 'frames.jsonl').read_text().splitlines()
    ]
    assert outcomes.count('published') == counts['published']
    assert outcomes.count('lost') == COUNT - counts['published']


def playing(process):
    """Read until the first masks are there; return the processes of the nodes by name."""
    text = b''
    while not re.search(rb'play: .*\b[1-9]\d*/\d+', text):
        part = process.stdout.read1(200)
        assert part, text.decode()
        text += part
    children = psutil.Process(process.pid).children()
    # Between the interpreter and the node stands what ends the one with the other.
    modules = [
        next(word for word in child.cmdline() if word.startswith('rtseg_ros.nodes.'))
        for child in children
    ]
    return {name.split('.')[-1]: child for name, child in zip(modules, children, strict=True)}


@pytest.mark.dds
def test_sigterm_stops_the_nodes_too(bag, model, tmp_path):
    process = evaluate(model, '--bag', bag, '--live', '--rate', '1', '-o', tmp_path)
    nodes = playing(process)
    assert set(nodes) == {'segmentation_node', 'bag_player'}
    process.terminate()
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 143, output
    assert not any(node.is_running() for node in nodes.values())
    assert report_in(tmp_path)['stopped_by'] == 'interrupted'
    assert not (tmp_path / 'masks.part').exists()


@pytest.mark.dds
def test_a_player_that_says_nothing_more_is_given_up(bag, model, tmp_path):
    process = evaluate(
        model, '--bag', bag, '--live', '--rate', '4', '-o', tmp_path, program=('-c', IMPATIENT)
    )
    playing(process)['bag_player'].suspend()
    output = process.communicate(timeout=90)[0].decode()
    assert process.returncode == 1, output
    assert 'no answer from the bag player within 15 s' in output
    assert report_in(tmp_path)['stopped_by'].startswith('no answer from the bag player')


@pytest.mark.parametrize('live', [True, False])
def test_a_wrong_mapping_is_found_before_anything_is_played(
    bag, model, launch_node, tmp_path, capsys, live
):
    mapping, output = tmp_path / 'mapping.yaml', tmp_path / 'report'
    mapping.write_text('classes: {nothing: known}\n')
    if live:
        words = [model, '--bag', bag, '--live', '--mapping', mapping, '-o', output]
        assert main(['evaluate', *map(str, words)]) == 1
        said = capsys.readouterr().err
    else:
        node = launch_node(
            'evaluation_node', namespace='/mapping', model=model, mapping=mapping, output=output
        )
        assert node.ended() == 1
        said = node.text()
    assert str(mapping) in said
    assert not output.exists()


def test_the_node_only_listens(bag, model, offline, launch_node, tmp_path):
    """Beside any player and any lifecycle manager; here the player's autoplay."""
    namespace = '/listened'
    listener = launch_node(
        'evaluation_node', namespace=namespace, model=model, output=tmp_path, silence_s=3.0
    )
    launch_node('segmentation_node', namespace=namespace, model=model)
    manager = rclpy.create_node('manager', namespace=namespace)
    lifecycle = LifecycleClient(manager, 'segmentation')
    lifecycle.change('configure')
    lifecycle.change('activate')
    player = launch_node(
        'bag_player', namespace=namespace, bag=bag, autoplay=True, wait_for_subscribers=2,
        rate_hz=4.0,
    )  # fmt: skip
    end = time.monotonic() + 90
    while listener.alive() and time.monotonic() < end:
        time.sleep(0.2)
    manager.destroy_node()
    assert not listener.alive(), listener.text()
    assert listener.stop() == 0
    assert player.stop() == 0
    report = report_in(tmp_path)
    for key in EQUAL:
        assert report[key] == offline[key], (key, report['reasons'], report['accounting'])
    assert report['complete']
    assert f'{COUNT} of {COUNT} frames' in listener.text()


def test_ctrl_c_writes_the_report_and_a_bad_model_says_so(launch_node, model, tmp_path):
    listener = launch_node(
        'evaluation_node', namespace='/stopped', model=model, output=tmp_path / 'a'
    )
    bad = launch_node('evaluation_node', namespace='/bad', model='nowhere.onnx')
    end = time.monotonic() + 30
    while bad.alive() and time.monotonic() < end:
        time.sleep(0.1)
    assert bad.stop() == 1
    assert "there is no model 'nowhere.onnx'" in bad.text()
    while not (tmp_path / 'a' / 'masks.part').exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    assert listener.stop() == 0
    report = report_in(tmp_path / 'a')
    assert (report['frames'], report['complete']) == (0, False)


def test_a_player_without_a_bag_says_so(launch_node):
    player = launch_node('bag_player', namespace='/nobag', bag='nowhere')
    end = time.monotonic() + 30
    while player.alive() and time.monotonic() < end:
        time.sleep(0.1)
    assert player.stop() == 1
    assert "there is no bag 'nowhere'" in player.text()


def test_a_player_without_subscribers_gives_up(launch_node, bag):
    player = launch_node(
        'bag_player', namespace='/alone', bag=bag, autoplay=True, wait_for_subscribers=2,
        wait_s=7.0,
    )  # fmt: skip
    assert player.ended() == 1
    assert 'waiting for 2 subscribers of /alone/image, there are 0' in player.text()
    assert 'waited 7 s for 2 subscribers' in player.text()
    assert 'Traceback' not in player.text()


@pytest.mark.parametrize(
    ('node', 'parameters'),
    [
        ('bag_player', {'rate_hz': 5}),
        ('bag_player', {'rate_hz': 5000.0}),
        ('evaluation_node', {'silence_s': 5}),
        ('evaluation_node', {'patience_s': 0.0}),
    ],
)
def test_a_wrong_parameter_is_one_line(launch_node, node, parameters):
    process = launch_node(node, namespace='/wrong', **parameters)
    assert process.ended() == 1
    assert next(iter(parameters)) in process.text()
    assert '[FATAL]' in process.text()
    assert 'Traceback' not in process.text()


@pytest.mark.parametrize('order', ['little', 'big'])
def test_only_the_stamp_is_changed(order):
    data = bytes([0, order == 'little', 0, 0]) + bytes(range(30))
    changed = with_stamp(RawMessage('/t', 'x', 0, data), 3_000_000_007)
    assert stamp_ns_from_cdr(changed) == 3_000_000_007
    assert changed[:4] == data[:4]
    assert changed[12:] == data[12:]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--dataset', 'camvid', '--root', '.'], 'no CamVid split|plays a bag'),
        (['--bag', 'BAG', '--calibrate'], '--calibrate works without --live'),
    ],
)
def test_refusals(bag, capsys, options, message):
    words = [str(bag) if word == 'BAG' else word for word in options]
    assert main(['evaluate', '--live', *words]) == 1
    err = capsys.readouterr().err
    assert any(part in err for part in message.split('|'))


@pytest.mark.parametrize(
    ('node', 'kind'), [('evaluation', EvaluationParameters), ('bag_player', PlayerParameters)]
)
def test_the_yaml_has_every_parameter_with_its_default(node, kind):
    content = yaml.safe_load((ROOT / 'config' / 'evaluation.yaml').read_text())
    assert content[f'/**/{node}']['ros__parameters'] == {
        field.name: field.default for field in fields(kind)
    }


@pytest.mark.dds
@pytest.mark.parametrize(('order', 'first'), [('bgr', 1), ('rgb', 3)])
def test_pictures_have_the_order_of_colours_that_was_told(ros, order, first):
    message = image_from_array(np.full((2, 2, 3), (1, 2, 3), np.uint8), 'bgr8', header=Header())
    message.encoding = '8UC3'
    node, seen = EvaluationNode({'generic_order': order}, namespace=f'/pictures_{order}'), []
    node.matcher = SimpleNamespace(image=lambda stamp, published, frame: seen.append(frame()))
    node._on_image(serialize_message(message), {'source_timestamp': 0})
    node.destroy_node()
    assert seen[0][0, 0].tolist() == [first, 2, 4 - first]
