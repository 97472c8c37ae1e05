# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of a machine, well and ill."""

import importlib
import importlib.metadata
import os
from pathlib import Path
import sys

import pytest

from rtseg_ros.doctor import machine_checks
from rtseg_ros.runtime import load_segmenter


@pytest.fixture
def without(monkeypatch):
    """Make packages fail to import."""

    def remove(*names):
        real = importlib.import_module

        def fake(name, *rest):
            if name.split('.')[0] in names:
                raise ImportError(f'no {name}\nhere')
            return real(name, *rest)

        monkeypatch.setattr(importlib, 'import_module', fake)

    return remove


def test_well():
    for finding in (
        machine_checks.python(),
        machine_checks.numpy(),
        *machine_checks.opencv(),
        machine_checks.engine(),
        machine_checks.receive_buffer(),
    ):
        assert finding.ok, finding
        assert finding.text
    assert sys.prefix in machine_checks.python().text


def test_missing_packages(without):
    without('numpy', 'cv2', 'onnxruntime', 'cv_bridge', 'vision_msgs')
    for finding, words in (
        (machine_checks.numpy(), 'pip install numpy'),
        (machine_checks.opencv()[0], 'pip install opencv-python-headless'),
        (machine_checks.engine(), 'pip install onnxruntime'),
    ):
        assert not finding.ok
        assert words in finding.text
        assert '\n' not in finding.text
    for finding in (machine_checks.cv_bridge(), machine_checks.vision_msgs()):
        assert finding.ok  # most robots do without
        assert 'need' in finding.text


def test_two_wheels_of_one_package(monkeypatch):
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: '1.0')
    assert 'overwrite each other' in machine_checks.opencv()[0].text
    assert not machine_checks.opencv()[0].ok
    assert 'overwrite each other' in machine_checks.engine().text


def test_model(tiny_model, tmp_path):
    finding = machine_checks.model(str(tiny_model), load=load_segmenter)
    assert finding.ok
    assert 'tiny.onnx: tiny at 64x48, 4 classes, onnxruntime on cpu in fp32' in finding.text
    bad = tmp_path / 'bad.onnx'
    bad.write_text('no')
    finding = machine_checks.model(str(bad), load=load_segmenter)
    assert not finding.ok
    assert 'is not an ONNX file' in finding.text


def test_folders(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'not' / 'yet'))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    assert machine_checks.cache().ok
    assert machine_checks.ros_log().ok
    assert not (tmp_path / 'not').exists()
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/1')
    finding = machine_checks.cache()
    assert not finding.ok
    assert 'chown' in finding.text


def test_full_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_checks, 'SHARED_MEMORY', tmp_path)
    (tmp_path / 'fastrtps_1').write_bytes(bytes(3 << 20))
    assert machine_checks.shared_memory().ok
    assert '3 MiB in segments' in machine_checks.shared_memory().text
    room = os.statvfs_result((4096, 4096, 100, 10, 10, 0, 0, 0, 0, 255))
    monkeypatch.setattr(machine_checks.os, 'statvfs', lambda path: room)
    assert not machine_checks.shared_memory().ok
    assert f'rm {tmp_path}/*fastrtps_*' in machine_checks.shared_memory().text
    monkeypatch.setattr(machine_checks, 'SHARED_MEMORY', Path('/no/such/folder'))
    assert machine_checks.shared_memory().ok


def test_small_buffer(monkeypatch, tmp_path):
    small = tmp_path / 'rmem_max'
    small.write_text('212992\n')
    monkeypatch.setattr(machine_checks, 'RECEIVE_BUFFER', small)
    assert '0.2 MiB' in machine_checks.receive_buffer().text
    assert 'sysctl' in machine_checks.receive_buffer().text
