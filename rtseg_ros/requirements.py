# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which Python packages each verb needs, and how to get one that is missing; imports nothing."""

# What is not among the package's own requirements: import name -> extra of setup.py.
EXTRA_OF = {
    'cv2': 'cpu',
    'onnxruntime': 'cpu',
    'torch': 'convert',
    'onnx': 'convert',
    'safetensors': 'convert',
    'rosbags': 'evaluate',
    'jinja2': 'evaluate',
    'matplotlib': 'evaluate',
    'psutil': 'evaluate',
    'lz4': 'evaluate',
    'backports': 'evaluate',
    'openvino': 'openvino',
    'av': 'video',
    'pebble': 'fleet',
    'pyarrow': 'fleet',
    'ray': 'ray',
    'tensorboard': 'tensorboard',
}
# Verb -> extras that it needs for all that it can do; ROS 2 as 'ros'.
NEEDS = {
    'segment': ('cpu',),
    'models': ('cpu', 'convert'),
    'train': ('cpu', 'convert', 'evaluate'),
    'runs': ('cpu', 'convert', 'evaluate'),
    'convert': ('cpu', 'convert', 'evaluate'),
    'evaluate': ('cpu', 'evaluate'),
    'benchmark': ('cpu', 'convert', 'evaluate'),
    'bag': ('cpu', 'evaluate'),
    'demo': ('cpu', 'ros'),
    'soak': ('cpu', 'evaluate', 'ros'),
    'doctor': (),
}
ROS_MODULES = (
    'rclpy', 'rcl_interfaces', 'builtin_interfaces', 'sensor_msgs', 'std_msgs', 'std_srvs',
    'diagnostic_msgs', 'lifecycle_msgs', 'geometry_msgs', 'rosgraph_msgs', 'ament_index_python',
)  # fmt: skip


def how_to_get(module: str, *, verb: str = '') -> str:
    """Say in one sentence how to get a module that cannot be imported.

    Args:
        module: Its name, e.g. ``sensor_msgs.msg``.
        verb: Of ``rtseg``, whose other needs are named too.
    """
    top = module.partition('.')[0]
    if top in ROS_MODULES:
        return (
            f"ROS 2 is not in this environment ('{top}' cannot be imported): source its setup "
            'file first, as: source /opt/ros/jazzy/setup.bash (in the clone, make env brings it '
            "from wheels); 'pip install' of a message package does not help"
        )
    extras = [extra for extra in NEEDS.get(verb, ()) if extra != 'ros']
    if (extra := EXTRA_OF.get(top)) and extra not in extras:
        extras.append(extra)
    what = f"'.[{','.join(extras)}]'" if extras else '.'
    apt = ', or sudo apt install python3-opencv' if top == 'cv2' else ''
    return f"the Python package '{top}' is not installed: pip install {what} in the clone{apt}"
