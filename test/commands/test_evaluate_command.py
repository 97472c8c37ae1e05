# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg evaluate`` as a user calls it."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
from places import CAMVID_FOLDER
import pytest
from streets import COLORS_BGR

pytest.importorskip('rosbags', reason='rosbags is not installed')

from rosbags.rosbag2 import Writer

from rtseg_ros.cli import main
from rtseg_ros.frames.bags.messages import IMAGE, TYPES
from rtseg_ros.frames.bags.reader import BagReader
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file

ROOT = Path(__file__).parents[2]
LABELS_YAML = """
name: tiny
classes:
  - {name: dark, color: [40, 40, 40]}
  - {name: blue, color: [0, 0, 255]}
  - {name: green, color: [0, 255, 0]}
  - {name: red, color: [255, 0, 0]}
"""
COUNT = 5


def frame_and_truth(index):
    truth = np.random.default_rng(index).integers(0, 4, (12, 16)).astype(np.uint8)
    truth = cv2.resize(truth, (64, 48), interpolation=cv2.INTER_NEAREST)
    frame = COLORS_BGR[truth]
    truth[:4, :8] = 1  # what the model cannot know
    return frame, truth


@pytest.fixture(scope='module')
def work(tmp_path_factory, make_model):
    """A folder with a model, a data set, and a bag made of it."""
    folder = tmp_path_factory.mktemp('work')
    (folder / 'tiny.yaml').write_text(LABELS_YAML)
    for name in ('images', 'labels'):
        (folder / 'data' / 'val' / name).mkdir(parents=True)
    for index in range(COUNT):
        frame, truth = frame_and_truth(index)
        cv2.imwrite(str(folder / 'data' / 'val' / 'images' / f'A_{index}.png'), frame)
        cv2.imwrite(str(folder / 'data' / 'val' / 'labels' / f'A_{index}.png'), truth)
    model = make_model('exact', stride=1)
    (folder / 'model.onnx').write_bytes(model.read_bytes())
    data = ['--dataset', str(folder / 'tiny.yaml'), '--root', str(folder / 'data')]
    assert main(['bag', *data, '-o', str(folder / 'bag')]) == 0
    return folder


def evaluate(work, out, *options, bag=False):
    data = ['--bag', str(work / 'bag')]
    if not bag:
        data = ['--dataset', str(work / 'tiny.yaml'), '--root', str(work / 'data')]
    return main(['evaluate', str(work / 'model.onnx'), *data, '-o', str(out), *options])


def report_in(folder):
    return json.loads((folder / 'report.json').read_text())


def test_data_set_and_bag_give_the_same_figures(work, tmp_path, capsys):
    assert evaluate(work, tmp_path / 'a', '--json', str(tmp_path / 'copy.json')) == 0
    out = capsys.readouterr().out
    assert '5 of 5 frames' in out
    assert 'report.html' in out
    assert evaluate(work, tmp_path / 'b', bag=True) == 0
    first, second = report_in(tmp_path / 'a'), report_in(tmp_path / 'b')
    assert json.loads((tmp_path / 'copy.json').read_text()) == first
    for key in ('miou', 'iou', 'confusion_matrix', 'boundary_f_score', 'temporal_stability'):
        assert first[key] == second[key] is not None
    # Only where the truth was painted over can the model be wrong.
    expected = sum(
        np.count_nonzero((COLORS_BGR[truth] == frame).all(axis=2))
        for frame, truth in map(frame_and_truth, range(COUNT))
    )
    assert first['pixel_accuracy'] == expected / (COUNT * 48 * 64)
    assert second['source']['image_topic'] == '/camera/image_raw'


def test_openvino_with_its_options(work, tmp_path, capsys, monkeypatch):
    openvino = pytest.importorskip('openvino', reason='OpenVINO is not installed')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    options = ['--engine', 'openvino', '--openvino-threads', '1']
    assert evaluate(work, tmp_path / 'a', *options, '--openvino-precision', 'fp32') == 0
    report = report_in(tmp_path / 'a')
    assert (report['model']['engine'], report['model']['precision']) == ('openvino', 'fp32')
    (compiled,) = (tmp_path / 'cache').rglob('*.plan')
    key = json.loads(compiled.with_suffix('.json').read_text())['key']
    assert key['threads'] == 1
    capsys.readouterr()
    assert evaluate(work, tmp_path / 'b', *options, '--openvino-device', 'NPU') == 1
    assert 'has no device NPU' in capsys.readouterr().err
    if 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        return  # by name it is taken there, see test_openvino_engine.py
    assert evaluate(work, tmp_path / 'b', *options, '--openvino-precision', 'bf16') == 1
    assert 'does not compute in bf16' in capsys.readouterr().err


def test_thresholds_decide_the_exit_code(work, tmp_path, capsys):
    met = ['--require', 'miou=0.5', '--require', 'latency_p99_ms=60000']
    assert evaluate(work, tmp_path, *met) == 0
    missed = ['--require', 'miou=0.999', '--require', 'iou.red=0.1', '--require', 'fps=1e9']
    assert evaluate(work, tmp_path, *missed) == 3
    out = capsys.readouterr().out
    assert 'missed: miou is 0.9' in out
    assert 'missed: fps' in out
    assert 'iou.red' not in out
    assert evaluate(work, tmp_path / 'never', '--require', 'speed=1') == 1
    assert not (tmp_path / 'never').exists()


def test_compare(work, tmp_path, capsys):
    for name in ('a', 'b'):
        assert evaluate(work, tmp_path / name) == 0
    capsys.readouterr()
    json_path = tmp_path / 'compare.json'
    words = ['evaluate', '--compare', str(tmp_path / 'a'), str(tmp_path / 'b' / 'report.json')]
    folder = tmp_path / 'new' / 'comparison'
    assert main([*words, '-o', str(folder), '--json', str(json_path)]) == 0
    out = capsys.readouterr().out
    assert 'same' in out
    assert str(folder / 'compare.html') in out
    assert str(tmp_path / 'a' / 'report.json') in (folder / 'compare.html').read_text()
    changes = {item['name']: item for item in json.loads(json_path.read_text())['changes']}
    assert changes['mIoU']['interval'] == [0, 0]


def test_calibrate_stores_the_temperature(work, make_model, tmp_path, capsys):
    """The model is right nearly everywhere, and far too modest about it."""
    model = make_model('modest', stride=1, gain=0.01)
    data = ['--dataset', str(work / 'tiny.yaml'), '--root', str(work / 'data')]
    words = ['evaluate', str(model), *data, '-o', str(tmp_path), '--calibrate']
    assert main([*words, '--require', 'ece=0.02']) == 0
    stored = read_model_file(model)
    report = report_in(tmp_path)
    calibration = report['calibration']
    assert calibration['temperature_after'] == stored.metadata.temperature < 0.5
    assert report['model']['sha256'] == stored.sha256
    assert calibration['ece_after'] < 0.02 < calibration['ece_before']
    assert 'stored in' in capsys.readouterr().out
    # A second fit cannot do better than the first, so the model stays as it is.
    assert main(words) == 0
    assert 'kept' in capsys.readouterr().out
    assert read_model_file(model).sha256 == stored.sha256


def test_other_classes_through_a_mapping(work, tmp_path):
    (tmp_path / 'two.yaml').write_text(
        'name: two\nclasses:\n'
        '  - {name: free, color: [0, 9, 0]}\n  - {name: not, color: [9, 0, 0]}'
    )
    (tmp_path / 'map.yaml').write_text('classes: {dark: free, blue: free, green: not, red: not}')
    data = tmp_path / 'data' / 'val'
    for name in ('images', 'labels'):
        (data / name).mkdir(parents=True)
    frame, truth = frame_and_truth(0)
    cv2.imwrite(str(data / 'images' / '0.png'), frame)
    cv2.imwrite(str(data / 'labels' / '0.png'), truth // 2)
    words = ['evaluate', str(work / 'model.onnx'), '--dataset', str(tmp_path / 'two.yaml')]
    words += ['--root', str(tmp_path / 'data'), '-o', str(tmp_path / 'out')]
    assert main(words) == 1
    assert main([*words, '--mapping', str(tmp_path / 'map.yaml')]) == 0
    report = report_in(tmp_path / 'out')
    assert list(report['iou']) == ['free', 'not']
    assert 'predictions tiny to two' in report['mapping']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], 'either --bag'),
        (['--bag', 'b', '--dataset', 'camvid'], 'either --bag'),
        (['--dataset', 'camvid'], '--dataset needs --root'),
        (['--bag', 'nowhere'], "no bag 'nowhere'"),
        (['--dataset', 'camvid', '--root', '.'], 'no CamVid split'),
    ],
)
def test_refusals(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(['evaluate', *options]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def bag_of_images(folder, *, count, size):
    (folder / 'images').mkdir()
    for index in range(count):
        frame, _ = frame_and_truth(index)
        cv2.imwrite(str(folder / 'images' / f'{index:04}.png'), cv2.resize(frame, size))
    assert main(['bag', '--images', str(folder / 'images'), '-o', str(folder / 'bag')]) == 0
    return folder / 'bag'


def test_a_bag_that_breaks_off_gives_a_report_and_an_error(work, tmp_path, capsys):
    bag = bag_of_images(tmp_path, count=40, size=(320, 240))
    file = bag / 'bag.mcap'
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 700_000] = b'\xff' * 700_000
    file.write_bytes(bytes(content))
    out = tmp_path / 'out'
    assert main(['evaluate', str(work / 'model.onnx'), '--bag', str(bag), '-o', str(out)]) == 1
    assert 'damaged after' in capsys.readouterr().err
    report = report_in(out)
    assert report['complete'] is False
    assert 0 < report['frames'] < 40
    assert (out / 'report.html').exists()


@pytest.mark.process
def test_ctrl_c_writes_the_report_so_far(make_model, tmp_path):
    bag = bag_of_images(tmp_path, count=400, size=(64, 48))
    slow = make_model('slow', stride=1, work=40)
    process = subprocess.Popen(
        [sys.executable, '-m', 'rtseg_ros.cli', 'evaluate', str(slow),
         '--bag', str(bag), '-o', str(tmp_path / 'out')],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        # Where the tests run as a background job, SIGINT is ignored from birth.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    part = tmp_path / 'out' / 'frames.jsonl.part'
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output.decode()
    report = report_in(tmp_path / 'out')
    assert report['stopped_by'] == 'interrupted'
    assert 0 < report['frames'] < 400
    assert report['accounting']['published'] == report['frames']
    lines = (tmp_path / 'out' / 'frames.jsonl').read_text().splitlines()
    assert len(lines) == report['frames']
    assert 'Ended early' in (tmp_path / 'out' / 'report.html').read_text()


# Evaluates in a process of its own and prints the peak memory after 200 and after 600 frames.
_MEMORY_CODE = """
import resource, sys
from pathlib import Path
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.evaluation.evaluate import evaluate
from rtseg_ros.runtime import load_segmenter
peaks = []
def progress(count):
    if count in (200, 600):
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
evaluate(load_segmenter(sys.argv[1]), BagSource(sys.argv[2]), output=Path(sys.argv[3]),
         progress=progress)
print(*peaks)
"""


@pytest.mark.process
def test_memory_is_flat(work, tmp_path):
    bag = bag_of_images(tmp_path, count=600, size=(160, 120))
    result = subprocess.run(
        [sys.executable, '-c', _MEMORY_CODE, str(work / 'model.onnx'), str(bag), str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    early, late = map(int, result.stdout.split())
    # Between the two, 400 frames of 58 kB went through: 23 MB.
    assert late - early < 6


def test_the_shipped_model_scores_what_its_card_says(tmp_path):
    if not CAMVID_FOLDER.exists():
        pytest.skip('shared/data/camvid is not on this machine')
    words = ['evaluate', '--dataset', 'camvid', '--root', str(CAMVID_FOLDER), '-o', str(tmp_path)]
    assert main([*words, '--limit', '10', '--no-boundary']) == 0
    report = report_in(tmp_path)
    assert report['miou'] > 0.5
    assert report['boundary_f_score'] is None
    segmenter = load_segmenter('swiftnet_mnv2_camvid')
    assert report['model']['sha256'] == segmenter.engine.model.sha256


def test_calibration_of_a_model_that_cannot_be_replaced_is_refused_first(
    work, tmp_path, capsys, monkeypatch
):
    may = os.access
    monkeypatch.setattr(os, 'access', lambda path, mode: path != work and may(path, mode))
    assert evaluate(work, tmp_path / 'out', '--calibrate') == 1
    said = capsys.readouterr().err
    assert 'the temperature cannot be stored' in said
    assert 'calibrate: ' not in said  # the bar of the pass over the frames
    assert not (tmp_path / 'out').exists()


def test_nothing_usable_is_no_success(work, tmp_path, capsys):
    """Ground truth in a colour encoding: all dropped, said why, status 4; 3 goes first."""
    types = TYPES
    with BagReader(work / 'bag') as bag:
        images = [raw.decode() for raw in bag.messages(['/camera/image_raw'])]
    with Writer(tmp_path / 'bag', version=8) as bag:
        for topic in ('image_raw', 'labels_gt'):
            connection = bag.add_connection(f'/cam/{topic}', IMAGE, typestore=types)
            for index, message in enumerate(images):
                bag.write(connection, index, types.serialize_cdr(message, IMAGE))
    words = ['evaluate', str(work / 'model.onnx'), '--bag', str(tmp_path / 'bag')]
    words += ['-o', str(tmp_path / 'out')]
    assert main(words) == 4
    assert 'nothing usable: all of the ground truth was dropped' in capsys.readouterr().out
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert "encoding 'bgr8'" in report['unusable']
    assert main([*words, '--allow-empty']) == 0
    assert main([*words, '--require', 'miou=0.5']) == 3
