# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs rtseg_ros with pip or with colcon (ament_python)."""

from glob import glob
import os

from setuptools import find_packages, setup

PACKAGE = 'rtseg_ros'
# The models may not be used commercially: RTSEG_WITHOUT_MODELS=1 builds the package without them.
WITH_MODELS = os.environ.get('RTSEG_WITHOUT_MODELS', '') in ('', '0')
MODEL_LICENCES = ' AND CC-BY-NC-4.0 AND LicenseRef-Cityscapes' if WITH_MODELS else ''

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [*(['models/*.onnx'] if WITH_MODELS else []), 'models/*.md', 'py.typed'],
        f'{PACKAGE}.segmenting': ['view.html'],
        f'{PACKAGE}.evaluation.report': ['*.html.j2', '*.css'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', glob('config/*')),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.py')),
    ],
    # What a robot needs; rclpy and the messages come from the ROS installation.
    install_requires=['numpy', 'PyYAML', 'tqdm'],
    extras_require={
        'test': ['pytest'],  # colcon runs pytest where it finds this
        # Alone in bringing an OpenCV: leave it out where Debian's python3-opencv is installed.
        'cpu': ['onnxruntime', 'opencv-python-headless'],
        # Another engine for computers with an Intel or AMD processor.
        'openvino': ['openvino'],
        # Videos that browsers play: H.264, VP9, AV1. Its wheel holds x264, which is GPL.
        'video': ['av==18.1.0; python_version>="3.11"'],
        'convert': ['torch>=2.4', 'onnx', 'onnxruntime', 'safetensors'],
        'evaluate': [
            'onnxruntime',
            'rosbags',
            'jinja2',
            'matplotlib',
            'psutil',
            'lz4',
            'backports.zstd; python_version<"3.14"',
        ],
        # Many bags at once, beside 'evaluate'; 'ray' for those of a cluster.
        'fleet': ['pebble', 'pyarrow'],
        'ray': ['ray'],
        # rtseg train --tensorboard, beside 'convert'.
        'tensorboard': ['tensorboard'],
    },
    python_requires='>=3.10',
    zip_safe=False,  # the shipped models are opened by their paths
    maintainer='rtseg_ros maintainers',
    maintainer_email='maintainers@rtseg-ros.org',
    description='Real-time semantic segmentation for ROS 2',
    license=f'Apache-2.0{MODEL_LICENCES}',
    entry_points={
        'console_scripts': [
            'rtseg = rtseg_ros.signals:rtseg',
            'segmentation_node = rtseg_ros.nodes.start:segmentation_node',
            'conversion_node = rtseg_ros.nodes.start:conversion_node',
            'evaluation_node = rtseg_ros.nodes.start:evaluation_node',
            'video_node = rtseg_ros.nodes.start:video_node',
            'bag_player = rtseg_ros.nodes.start:bag_player',
        ],
    },
)
