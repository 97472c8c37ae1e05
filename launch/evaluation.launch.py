# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plays a bag into the perception node and reports how accurate and how fast it is."""

from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from rtseg_ros.installation import image_profile_environment

# (name, default, description, choices)
ARGUMENTS = (
    ('bag', None, 'ROS 2 bag: a folder, or a .mcap or .db3 file.', None),
    (
        'model',
        '',
        'Path of the .onnx model, or the name of a shipped one; empty: as params_file and '
        'node_params_file.',
        None,
    ),
    ('output', '', 'Folder of the report; empty: as params_file.', None),
    (
        'rate_hz',
        '',
        'Images per second; 0 for the rate of the recording; empty: as params_file.',
        None,
    ),
    (
        'image_topic',
        '',
        'Image topic, needed if the bag has several cameras; empty: as params_file.',
        None,
    ),
    (
        'image_transport',
        '',
        'How the images lie in the bag; empty: as params_file and node_params_file.',
        ('', 'raw', 'compressed'),
    ),
    ('labels', '', 'Label set of the ground truth; empty: as params_file.', None),
    ('namespace', 'rtseg_evaluation', 'Namespace of all three nodes.', None),
    (
        'params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'evaluation.yaml']),
        'Parameters of evaluation_node and bag_player.',
        None,
    ),
    (
        'node_params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'segmentation.yaml']),
        'Parameters of the node under test.',
        None,
    ),
    (
        'fastdds_profile',
        'auto',
        "Fast DDS profile of all three nodes: auto for this package's, unless you have set "
        'something of your own; none; or a path.',
        None,
    ),
)


def generate_launch_description():
    """Start segmentation_node, evaluation_node and bag_player; end when the report is written."""
    value = {name: LaunchConfiguration(name) for name, _, _, _ in ARGUMENTS}
    share = FindPackageShare('rtseg_ros')
    return LaunchDescription(
        [
            DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
            for name, default, text, choices in ARGUMENTS
        ]
        + [
            # Of all three: without any one of them the others would wait for it.
            RegisterEventHandler(OnProcessExit(on_exit=end)),
            # A scope of its own: arguments of the same name must not meet.
            GroupAction(
                [
                    IncludeLaunchDescription(
                        PathJoinSubstitution([share, 'launch', 'segmentation.launch.py']),
                        launch_arguments={
                            'namespace': value['namespace'],
                            'params_file': value['node_params_file'],
                            'model': value['model'],
                            'image': 'image',
                            'image_transport': value['image_transport'],
                            'autostart': 'true',
                            'fastdds_profile': value['fastdds_profile'],
                        }.items(),
                    )
                ]
            ),
            OpaqueFunction(function=start_nodes),
        ]
    )


def start_nodes(context):
    """Start listener and player; arguments that are empty leave the parameters to params_file."""
    value = {name: LaunchConfiguration(name) for name, _, _, _ in ARGUMENTS}
    environment = image_profile_environment(value['fastdds_profile'].perform(context))

    def node(executable, name, kinds, **fixed):
        given = {
            key: ParameterValue(value[key], value_type=kind)
            for key, kind in kinds.items()
            if value[key].perform(context)
        }
        return Node(
            package='rtseg_ros',
            executable=executable,
            name=name,
            namespace=value['namespace'],
            output='screen',
            parameters=[value['params_file']] + [given | fixed] * bool(given or fixed),
            additional_env=environment,
        )

    texts = dict.fromkeys(('model', 'output', 'labels', 'image_transport'), str)
    return [
        node('evaluation_node', 'evaluation', texts),
        node(
            'bag_player',
            'bag_player',
            {'bag': str, 'image_topic': str, 'rate_hz': float},
            autoplay=True,
            wait_for_subscribers=2,
        ),
    ]


def end(event, _):
    """End with the report; the status of the launch is 1 if that of any node is not 0."""
    if event.returncode:
        raise RuntimeError(
            f'{event.process_name} failed with status {event.returncode}; its last line says why'
        )
    if 'evaluation_node' in event.process_name:
        return Shutdown(reason='the evaluation has ended')
    return None
