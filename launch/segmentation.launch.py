# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts the perception node on a camera."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import (
    LaunchConfiguration,
    PathJoinSubstitution,
)
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from rtseg_ros.installation import image_profile_environment

BOOLEAN = ('true', 'false')
# (name, default, description, choices)
ARGUMENTS = (
    ('namespace', '', 'Namespace of the node and its topics.', None),
    (
        'params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'segmentation.yaml']),
        'Parameters of the node.',
        None,
    ),
    ('model', '', 'Path of the .onnx model, or a shipped name; empty: as params_file.', None),
    (
        'engine',
        '',
        'What runs it; empty: as params_file.',
        ('', 'onnxruntime', 'openvino', 'tensorrt'),
    ),
    ('image', 'image', 'Image topic of a single camera, without /compressed.', None),
    ('camera_info', 'camera_info', 'CameraInfo topic of a single camera.', None),
    (
        'image_transport',
        '',
        'How images come; empty: as params_file.',
        ('', 'raw', 'compressed'),
    ),
    (
        'cameras',
        '',
        "Names of several cameras, e.g. '[front, rear]': front/image and so on; empty: as "
        'params_file.',
        None,
    ),
    (
        'autostart',
        'true',
        'Configure and activate at start; false for a lifecycle manager.',
        BOOLEAN,
    ),
    ('use_sim_time', 'false', 'Take the time from /clock.', BOOLEAN),
    ('log_level', 'info', 'What is logged.', ('debug', 'info', 'warn', 'error', 'fatal')),
    (
        'fastdds_profile',
        'auto',
        "Fast DDS profile of the node: auto for this package's, unless you have set something of "
        "your own; none; or a path. The camera's process needs one too.",
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
    value = {name: LaunchConfiguration(name) for name, _, _, _ in ARGUMENTS}
    parameters = {
        'autostart': ParameterValue(value['autostart'], value_type=bool),
        'use_sim_time': ParameterValue(value['use_sim_time'], value_type=bool),
    }
    environment = image_profile_environment(value['fastdds_profile'].perform(context))
    kinds = {'model': str, 'engine': str, 'image_transport': str, 'cameras': list[str]}
    for name, kind in kinds.items():
        if value[name].perform(context):
            parameters[name] = ParameterValue(value[name], value_type=kind)
    return [
        Node(
            package='rtseg_ros',
            executable='segmentation_node',
            name='segmentation',
            namespace=value['namespace'],
            output='screen',
            parameters=[value['params_file'], parameters],
            remappings=[
                ('image', value['image']),
                ('camera_info', value['camera_info']),
            ],
            additional_env=environment,
            ros_arguments=['--log-level', value['log_level']],
        )
    ]
