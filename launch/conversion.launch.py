# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Converts a checkpoint, builds its TensorRT plan, and ends; fails where the node fails."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

# (name, default, description, choices)
ARGUMENTS = (
    ('checkpoint', None, 'Training checkpoint, or with engine also a .onnx file.', None),
    ('output', '', 'Path of the .onnx file to write.', None),
    ('network', '', 'Name of the network; empty: as params_file.', None),
    ('labels', '', 'camvid, cityscapes or a YAML file; empty: as params_file.', None),
    ('precision', '', 'Number format; empty: as params_file.', ('', 'fp32', 'fp16', 'int8')),
    ('calibration', '', 'Folder or bag with frames for int8; empty: as params_file.', None),
    ('verify', '', 'Folder or bag to compare on; empty: as params_file.', None),
    (
        'engine',
        '',
        'Also build the TensorRT plan (of a .onnx file: only that); empty: as params_file.',
        ('', 'true', 'false'),
    ),
    (
        'params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'conversion.yaml']),
        'Parameters of the node.',
        None,
    ),
)


def generate_launch_description():
    """Declare the arguments and start the node."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
            for name, default, text, choices in ARGUMENTS
        ]
        + [OpaqueFunction(function=start_node)]
    )


def start_node(context):
    """Start the node; arguments that are empty leave the parameters to params_file."""
    names = [name for name, _, _, _ in ARGUMENTS if name != 'params_file']
    given = [name for name in names if LaunchConfiguration(name).perform(context)]
    return [
        Node(
            package='rtseg_ros',
            executable='conversion_node',
            name='conversion',
            output='screen',
            parameters=[
                LaunchConfiguration('params_file'),
                {
                    name: ParameterValue(
                        LaunchConfiguration(name), value_type=bool if name == 'engine' else str
                    )
                    for name in given
                },
            ],
            on_exit=end,
        )
    ]


def end(event, _):
    """End with the node; the status of the launch is 1 if that of the node is not 0."""
    if event.returncode:
        raise RuntimeError(f'the conversion failed with status {event.returncode}')
    return Shutdown(reason='the conversion has ended')
