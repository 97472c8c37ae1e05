# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who waits says for what."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.nodes.reminder import Reminder


class Log:
    def __init__(self):
        self.lines = []

    def get_logger(self):
        return self

    def info(self, text):
        self.lines.append(text)


def test_it_speaks_once_a_period(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('time.monotonic', lambda: now[0])
    log = Log()
    reminder = Reminder(log)
    for _ in range(120):  # 12 s
        now[0] += 0.1
        reminder.waiting_for('images')
    assert log.lines == ['waiting for images'] * 2


def test_a_wait_after_another_begins_a_new_period(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('time.monotonic', lambda: now[0])
    log = Log()
    reminder = Reminder(log)
    for second in range(8):
        now[0] += 1.0
        if second < 4:
            reminder.over()
        else:
            reminder.waiting('(inactive): for a manager')
    assert log.lines == []  # four seconds
    now[0] += 1.0
    reminder.waiting('(inactive): for a manager')
    assert log.lines == ['waiting (inactive): for a manager']


def test_segmentation_node_says_what_it_waits_for(launch_node, tiny_model):
    process = launch_node('segmentation_node', namespace='/idle', model=tiny_model)
    said = r'waiting \(unconfigured\): not configured: ros2 lifecycle set /idle/segmentation conf'
    process.wait_for_text(rf'(?s){said}.*{said}')
    assert process.stop() == 0


def test_evaluation_node_says_what_it_waits_for(launch_node, tmp_path):
    process = launch_node('evaluation_node', namespace='/alone', output=tmp_path)
    said = process.wait_for_text('waiting for images on [^ ]+, which has 0 publishers')
    assert '/alone/image' in said
    assert process.stop() == 0
