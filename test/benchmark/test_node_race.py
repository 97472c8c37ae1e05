# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Our node and the plain one answer the same images with the same labels."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rtseg_ros.benchmark.node_race import node_race
from rtseg_ros.benchmark.preparation import prepare
from rtseg_ros.benchmark.subject import Source
from rtseg_ros.harness.lifecycle_client import LifecycleClient
from rtseg_ros.installation import profile_variable

pytestmark = pytest.mark.dds

ROOT = Path(__file__).parents[2]


def activate(node, managed):
    client = LifecycleClient(node, managed)
    client.change('configure')
    client.change('activate')


def test_both_nodes_answer(tmp_path, monkeypatch, other_domain):
    monkeypatch.setenv('ROS_DOMAIN_ID', other_domain)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    profile = ROOT / 'config' / 'fastdds_images.xml'
    monkeypatch.setenv(profile_variable(), str(profile))
    subject = prepare('swiftnet_mnv2', (64, 96), Source(num_classes=5), tmp_path)
    ours, plain = node_race(
        subject, tmp_path, parameters={}, seconds=2, activate=activate, say=lambda _: None
    )
    for result in (ours, plain):
        assert result.fps > 0
        assert len(result.turns_fps) == 2
        assert min(result.turns_fps) <= result.fps <= max(result.turns_fps)
        assert min(result.latency_ms) > 0
        assert result.peak_memory_mib > 50
    assert {'decode', 'infer', 'publish'} <= set(ours.stages_ms)
    assert plain.stages_ms == {}
    both = [index for index in ours.masks if index in plain.masks]
    assert both
    for index in both:
        assert np.mean(ours.masks[index] == plain.masks[index]) > 0.999
