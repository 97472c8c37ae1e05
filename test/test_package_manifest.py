# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""package.xml names every ROS package that the code imports, and an engine."""

import ast
from pathlib import Path
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime import load_segmenter

ROOT = Path(__file__).parent.parent
# Modules that a package of another name brings.
PACKAGE_OF = {'tf2_ros': 'tf2_ros_py'}
OF_ROS = ('rclpy', 'tf2_ros', 'cv_bridge', 'launch', 'launch_ros', '_msgs', '_srvs', '_interfaces')


def dependencies() -> set[str]:
    root = ElementTree.parse(ROOT / 'package.xml').getroot()
    return {str(item.text) for item in root.iter('exec_depend')}


def imported_from_ros() -> set[str]:
    found = set()
    for path in [*ROOT.glob('rtseg_ros/**/*.py'), *ROOT.glob('launch/*.py')]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.partition('.')[0] for name in names}
    return {name for name in found if name.endswith(OF_ROS)}


def test_every_ros_package_that_is_imported_is_a_dependency():
    imported = {PACKAGE_OF.get(name, name) for name in imported_from_ros()}
    assert {'rclpy', 'sensor_msgs', 'tf2_ros_py', 'launch_ros'} <= imported
    assert imported - dependencies() == set()


def test_an_engine_is_a_dependency_and_its_absence_names_it(monkeypatch, tiny_model):
    assert 'python3-onnxruntime-pip' in dependencies()
    monkeypatch.delitem(sys.modules, 'rtseg_ros.runtime.onnx_engine', raising=False)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(EngineError, match='pip install onnxruntime .*python3-onnxruntime-pip'):
        load_segmenter(tiny_model)


def test_every_key_was_looked_up_in_rosdistro():
    root = ElementTree.parse(ROOT / 'package.xml').getroot()
    keys = {
        str(item.text) for item in root if item.tag.endswith('_depend') or item.tag == 'depend'
    }
    document = (ROOT / 'docs/ros.md').read_text()
    assert keys
    assert {key for key in keys if f'`{key}`' not in document} == set()


def states_copyright(path: Path) -> bool:
    first = [line.lstrip('#/ ') for line in path.read_text().splitlines()[:3]]
    return (
        any(line.startswith('Copyright 20') for line in first)
        and 'SPDX-License-Identifier: Apache-2.0' in first
    )


def test_every_source_file_states_copyright_and_licence():
    """As REP-2004 asks for at every level."""
    folders = ('rtseg_ros', 'test', 'launch', 'docs', 'docker', '.ci')
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob('*')
        if path.suffix in ('.py', '.sh', '.c') or (folder == '.ci' and not path.suffix)
    ]
    assert len(files) > 600
    bare = [path for path in [*files, ROOT / 'setup.py'] if not states_copyright(path)]
    assert not bare
