# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The house rules that a machine can see."""

import ast
from functools import cache
from pathlib import Path
import re
import subprocess
import sys

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'rtseg_ros'
MODULES = sorted(PACKAGE.rglob('*.py'))

# A room may import from its own level and from every lower one.
LEVELS = {
    'argument_types': 0, 'engines': 0, 'errors': 0, 'installation': 0, 'machine': 0,
    'options': 0, 'output_files': 0, 'requirements': 0, 'signals': 0,
    'progress': 0, 'verdict': 0, '': 0,
    'labels': 1, 'networks': 1,
    'frames': 2, 'metrics': 2, 'runtime': 2, 'spatial': 2,
    'evaluation': 3, 'segmenting': 3, 'training': 3,
    'conversion': 4,
    'nodes': 5,
    'harness': 6,
    'benchmark': 7, 'doctor': 7,
    'commands': 8, 'cli': 9,
}  # fmt: skip
MOST_MODULES = 16  # of one folder, beside its __init__: what can be read at a glance
ROS = ('rclpy', 'rcl_interfaces', 'sensor_msgs', 'std_msgs', 'diagnostic_msgs', 'vision_msgs')


def room(module: Path) -> str:
    """First name below rtseg_ros."""
    parts = module.relative_to(PACKAGE).with_suffix('').parts
    return '' if parts[0] == '__init__' else parts[0]


@cache
def nodes(module: Path) -> list[ast.AST]:
    """All nodes of a module's syntax tree; many tests ask for them."""
    return list(ast.walk(ast.parse(module.read_text(encoding='utf-8'))))


@cache
def imports(module: Path) -> frozenset[str]:
    """Absolute names imported anywhere in a module, inside functions too."""
    names: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}: relative import'
            names.add(node.module or '')
            if (node.module or '').startswith('rtseg_ros'):  # a name can be a module
                names |= {f'{node.module}.{alias.name}' for alias in node.names}
    return frozenset(names)


def neighbours(folder: Path) -> dict[str, set[str]]:
    """Which modules and folders of one folder import which others of them."""
    here = '.'.join(folder.relative_to(ROOT).parts) + '.'
    members = [module for module in MODULES if folder in module.parents]
    name_of = {module: module.relative_to(folder).with_suffix('').parts[0] for module in members}
    graph: dict[str, set[str]] = {name: set() for name in name_of.values() if name != '__init__'}
    for module, mine in name_of.items():
        for name in imports(module):
            other = name.removeprefix(here).split('.')[0] if name.startswith(here) else mine
            if {mine, other} <= set(graph) and other != mine:
                graph[mine].add(other)
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return one circle, its first name again at the end; empty if there is none."""
    done: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for name in sorted(graph[path[-1]] - done):
            if name in path:
                return [*path[path.index(name) :], name]
            if found := walk([*path, name]):
                return found
        done.add(path[-1])
        return []

    return next(filter(None, (walk([name]) for name in graph)), [])


def test_every_room_has_a_level():
    assert {room(module) for module in MODULES} <= set(LEVELS)


@pytest.mark.parametrize('module', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(module):
    mine = LEVELS[room(module)]
    for name in imports(module):
        if name.startswith('rtseg_ros.'):
            other = name.split('.')[1]
            if other != '__version__':
                assert LEVELS[other] <= mine, f'{module} imports {name} from above'


@pytest.mark.parametrize(
    'folder',
    sorted({module.parent for module in MODULES}),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_circles_in_a_folder(folder):
    """A folder below counts as one with all that it holds: export -> passes -> export is one."""
    assert circle(neighbours(folder)) == []


def test_a_circle_is_found():
    assert circle({'a': {'b'}, 'b': {'c'}, 'c': set()}) == []
    assert circle({'a': {'b'}, 'b': {'c'}, 'c': {'b'}}) == ['b', 'c', 'b']


@pytest.mark.parametrize(
    'folder',
    sorted({module.parent for module in MODULES}),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_folders_are_small(folder):
    modules = [path.name for path in folder.glob('*.py') if path.name != '__init__.py']
    assert len(modules) <= MOST_MODULES, f'{folder} holds {len(modules)}; make a folder of some'


@pytest.mark.parametrize('module', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_stay_in_their_rooms(module):
    tops = {name.split('.')[0] for name in imports(module)}
    place = room(module)
    if place in ('runtime', 'nodes', 'labels', 'frames', 'metrics', 'errors'):
        allowed = module.name in ('torch_engine.py', 'conversion_node.py')
        assert 'torch' not in tops or allowed, f'{module}: a robot needs no torch'
    if place not in ('nodes', 'harness', 'benchmark', 'doctor'):
        assert not tops & set(ROS), f'{module}: only nodes speak ROS'
    if PACKAGE / 'frames' / 'bags' not in module.parents:
        assert 'rosbags' not in tops, f'{module}: only frames/bags uses rosbags'


def test_there_is_one_progress_bar():
    with_tqdm = {
        str(module.relative_to(PACKAGE)) for module in MODULES if 'tqdm' in imports(module)
    }
    assert with_tqdm == {'progress.py'}


@pytest.mark.parametrize('module', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_commands_print(module):
    if room(module) in ('cli', 'commands'):
        return
    for node in nodes(module):
        is_print = isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'print'
        assert not is_print, f'{module}:{node.lineno} prints'


@pytest.mark.process
@pytest.mark.parametrize(
    ('statement', 'absent'),
    [
        ('import rtseg_ros', ('torch', 'rclpy', 'cv2', 'onnxruntime')),
        ('import rtseg_ros.runtime', ('torch', 'rclpy', 'onnx', 'onnxruntime', 'tensorrt')),
        ('import rtseg_ros.networks', ('rclpy', 'onnxruntime', 'tensorrt', 'torchvision')),
        ('import rtseg_ros.cli', ('torch', 'rclpy', 'cv2')),
    ],
)
def test_import_brings_no_more_than_needed(statement, absent):
    code = f'{statement}; import sys; print([m for m in {absent!r} if m in sys.modules])'
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == '[]'


@pytest.mark.parametrize(
    ('text', 'home'),
    [
        (r"'published', 'superseded', 'skipped'", 'frames/outcomes.py'),
        (r"'fp32', 'fp16', 'int8'", 'engines.py'),
        (r"'tensorrt', 'tensorrt_rtx'", 'engines.py'),
        (r"'onnxruntime', 'openvino'", 'engines.py'),
        (r'1_000_000_000|sec \* 10|nanosec / 1e9', 'frames/stamp.py'),
        (r'environ.*XDG_CACHE_HOME', 'installation.py'),
        (r'(?m)^[A-Z_, ]*(UNLABELLED|NO_LABEL).* = ', 'labels/label_set.py'),
        (r'\bOPSET = ', 'conversion/export.py'),
        (r'\b_?varint', 'runtime/onnx_wire.py'),
    ],
)
def test_a_fact_has_one_home(text, home):
    found = [module for module in MODULES if re.search(text, module.read_text(encoding='utf-8'))]
    assert [str(module.relative_to(PACKAGE)) for module in found] == [home]


@pytest.mark.process
def test_no_machine_paths_and_no_unfinished_work():
    files = subprocess.run(
        ['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = re.compile(r'/(?:work|root)/|/tmp/[a-z]|\bTO' r'DO\b|\bFIX' r'ME\b')
    for name in files:
        path = ROOT / name
        if path.suffix in ('.py', '.md', '.yaml', '.xml', '.rst', '.txt', '.cfg'):
            for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
                assert not forbidden.search(line), f'{name}:{number}: {line}'
