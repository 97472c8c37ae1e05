# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The package installs with colcon and with pip, and both installs are complete."""

import os
from pathlib import Path
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

import rtseg_ros

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent
EXECUTABLES = ('segmentation_node', 'conversion_node', 'evaluation_node', 'video_node', 'rtseg')


def run(*words: str, cwd: Path, **environment: str) -> str:
    """Run a command with this interpreter's programs first on the path."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    result = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=300,
        env=os.environ | {'PATH': path} | environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory) -> Path:
    """A workspace with what git tracks."""
    workspace = tmp_path_factory.mktemp('workspace')
    target = workspace / 'src' / 'rtseg_ros'
    files = run('git', 'ls-files', '--cached', '--others', '--exclude-standard', cwd=ROOT)
    for name in files.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return workspace


def test_versions_agree():
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert package.findtext('version') == rtseg_ros.__version__
    assert package.get('format') == '3'
    assert [tag.text for tag in package.findall('license')] == ['Apache-2.0', 'CC-BY-NC-4.0']
    assert f"version='{rtseg_ros.__version__}'" in (ROOT / 'setup.py').read_text()
    assert f'\n{rtseg_ros.__version__} (' in (ROOT / 'CHANGELOG.rst').read_text()


def test_colcon_builds_an_ament_python_package(source):
    pytest.importorskip('colcon_core', reason='colcon-common-extensions is not installed')
    # An invalid package.xml would silently make it a plain Python package.
    assert '(ros.ament_python)' in run('colcon', 'list', cwd=source)
    run('colcon', 'build', cwd=source)
    prefix = source / 'install' / 'rtseg_ros'
    for name in EXECUTABLES:
        assert (prefix / 'lib/rtseg_ros' / name).is_file(), name
    assert (prefix / 'share/ament_index/resource_index/packages/rtseg_ros').is_file()
    assert_share_is_complete(prefix / 'share/rtseg_ros')
    assert list(prefix.rglob('models/*.onnx'))


def test_wheel_holds_models_config_and_launch(source):
    run(
        sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation',
        '-w', str(source / 'wheels'), str(source / 'src/rtseg_ros'), cwd=source,
    )  # fmt: skip
    (wheel,) = (source / 'wheels').glob('*.whl')
    unpacked = source / 'unpacked'
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert list(unpacked.glob('rtseg_ros/models/*.onnx'))
    (share,) = unpacked.glob('*.data/data/share/rtseg_ros')
    assert_share_is_complete(share)
    (entry_points,) = unpacked.glob('*.dist-info/entry_points.txt')
    for name in EXECUTABLES:
        assert f'{name} = rtseg_ros.' in entry_points.read_text()
    assert_makes_a_page(unpacked)


def test_wheel_without_models_says_what_to_give(source, tmp_path):
    words = (
        sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation',
        '-w', str(tmp_path), str(source / 'src/rtseg_ros'),
    )  # fmt: skip
    shutil.rmtree(source / 'src/rtseg_ros/build', ignore_errors=True)
    run(*words, cwd=source, RTSEG_WITHOUT_MODELS='1')
    (wheel,) = tmp_path.glob('*.whl')
    zipfile.ZipFile(wheel).extractall(tmp_path)
    assert not list(tmp_path.rglob('*.onnx'))
    assert (tmp_path / 'rtseg_ros/models/README.md').is_file()
    (metadata,) = tmp_path.glob('*.dist-info/METADATA')
    assert 'License: Apache-2.0\n' in metadata.read_text()

    def said(*words: str) -> tuple[int, str]:
        result = subprocess.run(
            [sys.executable, '-m', 'rtseg_ros.cli', *words], cwd=tmp_path, capture_output=True,
            text=True, timeout=300, env=os.environ | {'PYTHONPATH': str(tmp_path)},
        )  # fmt: skip
        return result.returncode, result.stdout + result.stderr

    code, text = said('models', '--size-hw', '64', '64')
    assert code == 0
    assert 'no model is shipped' in text
    code, text = said('models', '--describe', 'swiftnet_mnv2_camvid')
    assert code == 1
    assert 'give the path of a .onnx file made by rtseg convert' in text
    assert 'built without models' in text


def assert_makes_a_page(unpacked: Path) -> None:
    """The page's template and style sheet come with the wheel, and suffice."""
    folder = unpacked / 'rtseg_ros/evaluation/report'
    kept = {p.name for p in (ROOT / folder.relative_to(unpacked)).iterdir() if p.is_file()}
    assert {path.name for path in folder.iterdir()} == kept
    assert {'page.html.j2', 'page.css'} <= kept
    script = """
import rtseg_ros
from rtseg_ros.evaluation.report.html import page
from rtseg_ros.metrics.latency import StageLatencies, Timeline
report = {
    'mode': 'offline', 'complete': True, 'frames': 0, 'fps': None, 'accounting': {'received': 0,
    'published': 0}, 'reasons': {}, 'latency_ms': {}, 'mapping': '', 'source': {}, 'model': {},
    'machine': {'processor': 'p'}, 'versions': {}, 'command': 'rtseg', 'created': '2026-01-01',
}
print(rtseg_ros.__file__)
print(page(report, timeline=Timeline(), latencies=StageLatencies(), previews={}))
"""
    result = subprocess.run(
        [sys.executable, '-c', script], cwd=unpacked, capture_output=True, text=True, timeout=120,
        env=os.environ | {'PYTHONPATH': str(unpacked)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    where, text = result.stdout.split('\n', 1)
    assert Path(where) == unpacked / 'rtseg_ros/__init__.py'
    assert '--accent' in text
    assert text.rstrip().endswith('</html>')


def assert_share_is_complete(share: Path) -> None:
    for folder in ('config', 'launch'):
        expected = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {path.name for path in (share / folder).iterdir()} == expected
    assert (share / 'package.xml').is_file()
