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


def test_evaluation_node_says_what_it_waits_for(launch_node, tmp_path):
    process = launch_node('evaluation_node', namespace='/alone', output=tmp_path)
    said = process.wait_for_text('waiting for images on [^ ]+, which has 0 publishers')
    assert '/alone/image' in said
    assert process.stop() == 0
