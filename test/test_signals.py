# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM end every verb: 130 or 143, one line, nothing half written."""

import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import processes
import pytest
from streets import TINY, write_dataset
import yaml

from rtseg_ros import signals

pytestmark = pytest.mark.process

ROOT = Path(signals.__file__).parents[1]
INT, TERM = signal.SIGINT, signal.SIGTERM
REPORT = 'report/report.json'
# Long enough to be interrupted at any of the moments below.
WORDS = {
    'bag': 'bag --images images --limit 1000000 -o bag_out',
    'evaluate': 'evaluate --bag bag -o report',
    'models': 'models --json figures.json',
    'doctor': 'doctor --json findings.json',
    'benchmark': 'benchmark espnet --seconds 60 --output race --json race.json',
    'train': 'train skipnet_shufflenet --root street --dataset street/labels.yaml -o run',
    'soak': 'soak --minutes 5 --json soak.json',
    'live': 'evaluate --bag bag --live -o report',
}
# Those that a fast machine may be through with when a signal comes: with which status (the doctor
# finds something, or not), and what they have written then. Any other verb that ends by itself
# has failed.
MAY_END = {
    'bag': ({0}, 'bag_out'),
    'models': ({0}, 'figures.json'),
    'doctor': ({0, 1}, 'findings.json'),
}
NEEDS = ('torch', 'rosbags', 'rclpy', 'onnxruntime')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """What the verbs work on."""
    for needed in NEEDS:
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    from rtseg_ros.frames.bags.writer import BagWriter

    path = tmp_path_factory.mktemp('signals')
    (path / 'images').mkdir()
    random = np.random.default_rng(0)
    for index in range(400):
        pixels = random.integers(0, 256, (240, 320, 3)).astype(np.uint8)
        cv2.imwrite(str(path / 'images' / f'{index:03}.bmp'), pixels)
    with BagWriter(path / 'bag') as writer:
        for index in range(400):
            writer.write(pixels, 1_700_000_000_000_000_000 + index * 100_000_000)
    write_dataset(path / 'street', 40)
    shutil.copytree(path / 'street' / 'val', path / 'street' / 'train')
    classes = [{'name': n, 'color': list(c)} for n, c in zip(TINY.names, TINY.colors, strict=True)]
    labels = {'name': TINY.name, 'classes': classes}
    (path / 'street' / 'labels.yaml').write_text(yaml.safe_dump(labels))
    return path


def begin(words, folder):
    words = ['-m', 'rtseg_ros.cli', *words.split()]
    return processes.begin(*words, cwd=folder, ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize(
    ('verb', 'after_s', 'signals'), processes.in_turn(list(WORDS), (0.0, 0.35, 2.5))
)
def test_a_verb_ends_at_signals(verb, after_s, signals, folder):
    """As a terminal does it: the signals reach all processes of the group."""
    for name in ('bag_out', 'report', 'race', 'run'):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob('*.json'):
        path.unlink()
    before = files(folder)
    process = begin(WORDS[verb], folder)
    processes.wait_for_signals(process)
    time.sleep(after_s)
    numbers = processes.SIGNALS[signals]
    for number in numbers:
        if process.poll() is None:
            os.killpg(process.pid, number)
        time.sleep(0.02)
    said = process.communicate(timeout=60)[0]
    through, written = MAY_END.get(verb, ((), ''))
    if process.returncode in through:
        assert (folder / written).exists(), said
        return
    # Of two that come while an extension computes, the system does not tell which was first.
    assert process.returncode in {128 + number for number in numbers}, said
    for bad in ('Traceback', 'Exception', 'Aborted', 'core dumped'):
        assert bad not in said
    left = files(folder) - before
    if REPORT in left:  # an evaluation reports what it did
        left.remove(REPORT)
        assert json.loads((folder / REPORT).read_text())['complete'] is False
    assert not [name for name in left if name.endswith(('.part', '.tmp', '.json'))]
    assert not (folder / 'bag_out').exists()


def test_the_installed_program_takes_signals_first():
    assert "'rtseg = rtseg_ros.signals:rtseg'" in (ROOT / 'setup.py').read_text()
    first = (ROOT / 'rtseg_ros' / 'cli.py').read_text().split('import argparse')[0]
    assert 'rtseg_ros.signals' in first


def test_processes_started_without_ctrl_c_never_see_it():
    with signals.without_ctrl_c():
        code = 'import time; print(1, flush=True); time.sleep(0.3); print(2)'
        child = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)
    assert INT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    child.stdout.readline()
    child.send_signal(INT)
    assert child.communicate()[0] == b'2\n'
    assert child.returncode == 0


SWALLOWS = """
import time
from rtseg_ros.signals import Interrupted, Signals
signals = Signals()
try:
    with signals.interrupting():
        for number in range(3):
            try:
                print('ready', flush=True)
                time.sleep(60)
            except BaseException:
                print('swallowed', flush=True)
        time.sleep(60)
except Interrupted:
    print('ended', signals.status)
"""


def test_an_interruption_that_is_swallowed_comes_again():
    child = subprocess.Popen(
        [sys.executable, '-c', SWALLOWS], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    child.stdout.readline()
    child.send_signal(TERM)
    said = child.communicate(timeout=30)[0].split()
    assert said[-2:] == ['ended', '143']
    assert said.count('swallowed') >= 1


def test_another_signal_while_it_is_noted_makes_no_noise():
    """Raised where the first one is found lost, it would be lost too, with a traceback."""
    another = """
import os, signal, threading
def timer(*words, start=threading.Timer):
    os.kill(os.getpid(), signal.SIGTERM)
    return start(*words)
threading.Timer = timer
"""
    child = subprocess.Popen(
        [sys.executable, '-c', another + SWALLOWS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        child.stdout.readline()
        child.send_signal(INT)
        said, noise = child.communicate(timeout=30)
    finally:
        child.kill()  # it may signal itself for ever
    assert said.split()[-2:] == ['ended', '130']
    assert noise == ''


WHOLE = """
import os, signal
from rtseg_ros.signals import Interrupted, Signals, uninterrupted
signals = Signals()
done = []

@uninterrupted()
def both():
    done.append(1)
    os.kill(os.getpid(), signal.SIGTERM)
    done.append(2)

try:
    with signals.interrupting():
        both()
        done.append(3)
except Interrupted:
    print(done)
"""


def test_what_must_be_whole_is_ended_before_an_interruption():
    command = [sys.executable, '-c', WHOLE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == '[1, 2]\n', done.stderr
