"""The house rules that a machine can see."""

import ast
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
    'errors': 0, 'installation': 0, 'machine': 0, 'options': 0, 'output_files': 0, '': 0,
    'labels': 1, 'networks': 1,
    'frames': 2, 'metrics': 2, 'runtime': 2,
    'evaluation': 3, 'training': 3,
    'conversion': 4,
    'nodes': 5,
    'harness': 6,
    'benchmark': 7, 'doctor': 7,
    'commands': 8, 'cli': 9,
}  # fmt: skip
ROS = ('rclpy', 'rcl_interfaces', 'sensor_msgs', 'std_msgs', 'diagnostic_msgs', 'vision_msgs')


def room(module: Path) -> str:
    """First name below rtseg_ros."""
    parts = module.relative_to(PACKAGE).with_suffix('').parts
    return '' if parts[0] == '__init__' else parts[0]


def imports(module: Path) -> set[str]:
    """Absolute names imported anywhere in a module, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}: relative import'
            names.add(node.module or '')
            if node.module == 'rtseg_ros':
                names |= {f'rtseg_ros.{alias.name}' for alias in node.names}
    return names


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


@pytest.mark.parametrize('module', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_stay_in_their_rooms(module):
    tops = {name.split('.')[0] for name in imports(module)}
    place = room(module)
    if place in ('runtime', 'nodes', 'labels', 'frames', 'metrics', 'errors'):
        allowed = module.name in ('torch_engine.py', 'conversion_node.py')
        assert 'torch' not in tops or allowed, f'{module}: a robot needs no torch'
    if place not in ('nodes', 'harness', 'benchmark', 'doctor'):
        assert not tops & set(ROS), f'{module}: only nodes speak ROS'
    if module != PACKAGE / 'frames' / 'bags.py':
        assert 'rosbags' not in tops, f'{module}: frames/bags.py is the only user of rosbags'


@pytest.mark.parametrize('module', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_commands_print(module):
    if room(module) in ('cli', 'commands'):
        return
    for node in ast.walk(ast.parse(module.read_text(encoding='utf-8'))):
        is_print = isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'print'
        assert not is_print, f'{module}:{node.lineno} prints'


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
