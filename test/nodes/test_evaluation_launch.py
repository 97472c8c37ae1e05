"""evaluation.launch.py with the real launch, where it and the package are installed."""

import json
import os
from pathlib import Path
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='the nodes need ROS 2')
pytest.importorskip('rosbags', reason='rosbags is not installed')
pytest.importorskip('launch_ros', reason='launch_ros is not installed (it is no wheel)')

from rtseg_ros.bags import BagWriter
from rtseg_ros.labels import LabelSet

ROOT = Path(__file__).parents[2]
TINY = LabelSet(
    'tiny', ('dark', 'blue', 'green', 'red'), ((40, 40, 40), (0, 0, 255), (0, 255, 0), (255, 0, 0))
)
RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
arguments = [word.split(':=', 1) for word in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(LaunchDescription([
    IncludeLaunchDescription(
        PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=arguments
    )
]))
sys.exit(service.run())
"""


@pytest.fixture
def installed(tmp_path):
    """An ament prefix with the package's launch files, parameters and executables."""
    share = tmp_path / 'prefix' / 'share'
    (share / 'ament_index' / 'resource_index' / 'packages').mkdir(parents=True)
    (share / 'ament_index' / 'resource_index' / 'packages' / 'rtseg_ros').touch()
    (share / 'rtseg_ros').mkdir()
    for name in ('launch', 'config', 'package.xml'):
        (share / 'rtseg_ros' / name).symlink_to(ROOT / name)
    folder = tmp_path / 'prefix' / 'lib' / 'rtseg_ros'
    folder.mkdir(parents=True)
    for name in ('segmentation_node', 'evaluation_node', 'bag_player'):
        lines = [
            f'#!{sys.executable}', 'import sys', f'from rtseg_ros.nodes.{name} import main',
            'sys.exit(main())',
        ]  # fmt: skip
        (folder / name).write_text('\n'.join(lines))
        (folder / name).chmod(0o755)
    return tmp_path / 'prefix'


def test_launch_plays_the_bag_and_writes_the_report(make_model, installed, tmp_path):
    with BagWriter(tmp_path / 'bag', labels=TINY) as bag:
        for index in range(12):
            frame = np.zeros((48, 64, 3), np.uint8)
            frame[:, :32, index % 3] = 200
            truth = np.zeros((48, 64), np.uint8)
            truth[:, :32] = index % 3 + 1
            bag.write(frame, index * 250_000_000, truth)
    output = tmp_path / 'report'
    environment = dict(os.environ) | {
        'AMENT_PREFIX_PATH': f'{installed}{os.pathsep}{os.environ["AMENT_PREFIX_PATH"]}',
        'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }
    result = subprocess.run(
        [
            sys.executable, '-c', RUN, str(ROOT / 'launch' / 'evaluation.launch.py'),
            f'bag:={tmp_path / "bag"}', f'model:={make_model("launched", stride=1)}',
            f'output:={output}',
        ],
        env=environment, capture_output=True, text=True, timeout=180, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((output / 'report.json').read_text())
    assert report['frames'] == 12
    assert report['accounting']['published'] == 12
    assert report['miou'] == 1
    assert report['mode'] == 'live'
