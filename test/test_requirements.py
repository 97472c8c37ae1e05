# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What each verb does where packages are missing; an import hook hides them."""

import ast
from pathlib import Path
import subprocess
import sys

import pytest

from rtseg_ros.cli import VERBS
from rtseg_ros.requirements import EXTRA_OF, NEEDS, ROS_MODULES, how_to_get

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent
# As ``pip install .`` leaves it: NumPy, PyYAML, tqdm.
HIDDEN = [*EXTRA_OF, *ROS_MODULES, 'PIL', 'scipy', 'torchvision', 'tensorrt', 'vision_msgs', 'rcl']
HOOK = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {hidden!r}:
            raise ModuleNotFoundError('No module named ' + repr(name), name=name)
sys.meta_path.insert(0, Hide())
{code}
"""
VERB = 'from rtseg_ros.cli import main; sys.exit(main(sys.argv[1:]))'


def run_hidden(hidden, *words, code=VERB, folder=None):
    return subprocess.run(
        [sys.executable, '-c', HOOK.format(hidden=set(hidden), code=code), *words],
        capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip


@pytest.mark.parametrize('verb', VERBS)
def test_help_needs_no_more_than_the_package_itself(verb):
    result = run_hidden(HIDDEN, verb, '--help')
    assert result.returncode == 0, result.stderr
    assert result.stderr == ''
    assert f'usage: rtseg {verb}' in result.stdout
    assert '--json' in result.stdout


# Verb -> words that it can be called with, in a folder without anything.
CALLS = {
    'segment': ['photo.png'],
    'models': ['--size-hw', '64', '64'],
    'train': ['esnet', '--root', '.', '-o', 'run'],
    'runs': ['run'],
    'convert': ['a.pth', '-o', 'a.onnx'],
    'evaluate': ['--bag', 'bag'],
    'benchmark': ['esnet'],
    'bag': ['--images', '.', '-o', 'bag'],
    'demo': [],
    'soak': [],
}


@pytest.mark.parametrize('verb', CALLS)
def test_what_is_missing_is_named_with_the_command_that_brings_it(verb, tmp_path):
    result = run_hidden(HIDDEN, verb, *CALLS[verb], folder=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    said = result.stderr.strip()
    assert len(said.splitlines()) == 1, said
    extras = ','.join(extra for extra in NEEDS[verb] if extra != 'ros')
    ros = 'ROS 2 is not in this environment' in said
    assert f"pip install '.[{extras}]'" in said or (ros and 'ros' in NEEDS[verb]), said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('verb', ['demo', 'soak'])
def test_without_ros_alone_it_is_ros_that_is_named(verb, tmp_path):
    for needed in ('cv2', 'onnxruntime', 'psutil'):
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    result = run_hidden(ROS_MODULES, verb, folder=tmp_path)
    assert result.returncode == 1
    assert 'source /opt/ros/' in result.stderr
    assert 'pip install diagnostic_msgs' not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize('node', ['segmentation_node', 'evaluation_node', 'video_node'])
def test_a_node_without_ros_says_so(node):
    code = f'from rtseg_ros.nodes.start import {node}; sys.exit({node}())'
    result = run_hidden(ROS_MODULES, code=code)
    assert result.returncode == 1
    assert result.stderr.startswith(f'{node}: ROS 2 is not in this environment')
    assert len(result.stderr.strip().splitlines()) == 1


def test_doctor_runs_without_anything(tmp_path):
    result = run_hidden(HIDDEN, 'doctor', folder=tmp_path)
    assert 'Traceback' not in result.stderr
    assert result.returncode in (0, 1)


def test_every_verb_is_in_the_tables():
    assert set(NEEDS) == set(VERBS)
    page = (ROOT / 'docs' / 'commands.md').read_text(encoding='utf-8')
    for verb, extras in NEEDS.items():
        row = next(line for line in page.splitlines() if line.startswith(f'| `rtseg {verb}`'))
        named = [extra for extra in extras if extra != 'ros']
        assert (f"'.[{','.join(named)}]'" if named else '`pip install .`') in row
        assert ('ROS 2,' in row) == ('ros' in extras)


def test_extras_are_those_of_setup():
    tree = ast.parse((ROOT / 'setup.py').read_text(encoding='utf-8'))
    call = next(
        node for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == 'extras_require'
    )  # fmt: skip
    extras = ast.literal_eval(call.value)
    assert set(EXTRA_OF.values()) <= set(extras)
    for module, extra in EXTRA_OF.items():
        brought = ' '.join(extras[extra]).replace('opencv-python-headless', 'cv2')
        assert module in brought, module


@pytest.mark.parametrize(
    ('module', 'verb', 'said'),
    [
        ('diagnostic_msgs.msg', 'demo', 'source /opt/ros/'),
        ('rosbags.rosbag2', 'evaluate', "pip install '.[cpu,evaluate]'"),
        ('av', 'segment', "pip install '.[cpu,video]'"),
        ('cv2', 'segment', 'python3-opencv'),
        ('yaml', '', 'pip install . in the clone'),
    ],
)
def test_one_sentence(module, verb, said):
    assert said in how_to_get(module, verb=verb)
