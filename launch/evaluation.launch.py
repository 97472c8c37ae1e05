"""Plays a bag into the perception node and reports how accurate and how fast it is."""

from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    Shutdown,
)
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = (
    ('bag', None, 'ROS 2 bag: a folder, or a .mcap or .db3 file.'),
    ('model', 'swiftnet_mnv2_camvid', 'Path of the .onnx model, or the name of a shipped one.'),
    ('output', 'report', 'Folder of the report.'),
    ('rate_hz', '0.0', 'Images per second; 0 for the rate of the recording.'),
    ('image_topic', '', 'Image topic; may be empty if the bag has one camera.'),
    ('image_transport', 'raw', 'How the images lie in the bag: raw or compressed.'),
    ('labels', '', "Label set of the ground truth; empty for the model's classes."),
    ('namespace', 'rtseg_evaluation', 'Namespace of all three nodes.'),
    (
        'params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'evaluation.yaml']),
        'Further parameters of evaluation_node and bag_player.',
    ),
    (
        'node_params_file',
        PathJoinSubstitution([FindPackageShare('rtseg_ros'), 'config', 'segmentation.yaml']),
        'Further parameters of the node under test.',
    ),
    (
        'fastdds_profile',
        EnvironmentVariable(
            'FASTDDS_DEFAULT_PROFILES_FILE',
            default_value=PathJoinSubstitution(
                [FindPackageShare('rtseg_ros'), 'config', 'fastdds_images.xml']
            ),
        ),
        "Fast DDS profiles of all three nodes; the package's own if the environment has none.",
    ),
)


def generate_launch_description():
    """Start segmentation_node, evaluation_node and bag_player; end when the report is written."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    share = FindPackageShare('rtseg_ros')
    profile = {'FASTDDS_DEFAULT_PROFILES_FILE': value['fastdds_profile']}
    return LaunchDescription(
        [
            DeclareLaunchArgument(name, default_value=default, description=text)
            for name, default, text in ARGUMENTS
        ]
        + [
            # A scope of its own: arguments of the same name must not meet.
            GroupAction(
                [
                    IncludeLaunchDescription(
                        PathJoinSubstitution([share, 'launch', 'segmentation.launch.py']),
                        launch_arguments={
                            'namespace': value['namespace'],
                            'params_file': value['node_params_file'],
                            'model': value['model'],
                            'image_topic': 'image',
                            'image_transport': value['image_transport'],
                            'autostart': 'true',
                            'fastdds_profile': value['fastdds_profile'],
                        }.items(),
                    )
                ]
            ),
            Node(
                package='rtseg_ros',
                executable='evaluation_node',
                name='evaluation',
                namespace=value['namespace'],
                output='screen',
                parameters=[
                    value['params_file'],
                    {
                        name: ParameterValue(value[name], value_type=str)
                        for name in ('model', 'output', 'labels', 'image_transport')
                    },
                ],
                additional_env=profile,
                on_exit=Shutdown(reason='the evaluation has ended'),
            ),
            Node(
                package='rtseg_ros',
                executable='bag_player',
                name='bag_player',
                namespace=value['namespace'],
                output='screen',
                parameters=[
                    value['params_file'],
                    {
                        'bag': ParameterValue(value['bag'], value_type=str),
                        'image_topic': ParameterValue(value['image_topic'], value_type=str),
                        'rate_hz': ParameterValue(value['rate_hz'], value_type=float),
                        'autoplay': True,
                        'wait_for_subscribers': 2,
                    },
                ],
                additional_env=profile,
            ),
        ]
    )
