# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The node on OpenVINO: its parameters, and what its user sees of the precision."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')

from rtseg_ros.harness.lifecycle_client import LifecycleError


def test_parameters_arrive_and_the_precision_is_read_back(
    launch_node, make_robot, tiny_model, tmp_path
):
    process = launch_node(
        'segmentation_node', namespace='/openvino', model=tiny_model, engine='openvino',
        **{'openvino.cache_folder': tmp_path / 'cache', 'openvino.device': 'NPU'},
    )  # fmt: skip
    robot = make_robot('/openvino')
    with pytest.raises(LifecycleError):
        robot.lifecycle.change('configure')
    robot.until_message('configure failed: OpenVINO .* has no device NPU; it has CPU')
    assert robot.set_parameter('openvino.precision', 'int4') == (
        "openvino.precision is 'int4'; accepted: auto, fp32, bf16, fp16"
    )
    assert robot.set_parameter('openvino.device', 'CPU') == ''
    assert robot.set_parameter('openvino.threads', 1) == ''
    robot.start()
    assert robot.label_of((0, 0, 255)) == 3
    values = robot.next_diagnostics()
    assert values['engine'] == 'openvino'
    assert values['precision'] in ('fp32', 'bf16')
    assert values['precision_reason']  # auto chose it
    assert values['device']
    assert 'unconfigured' in robot.set_parameter('openvino.threads', 2)
    assert list((tmp_path / 'cache').glob('*.plan'))
    assert process.stop() == 0
    assert 'there is no parameter' not in process.text()
    assert f'runs in {values["precision"]}: {values["precision_reason"]}' in process.text()
