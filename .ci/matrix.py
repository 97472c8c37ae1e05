# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Run runtime and node tests with every Python found here and every ROS that comes as wheels.

Prints one line for each pair, and with --write puts it into the table of docs/platforms.md. An
environment of its own is made for each in build/matrix, and kept.
"""

import argparse
from collections.abc import Iterator
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'platforms.md'
BEGIN, END = '<!-- made by make matrix -->\n', '<!-- until here -->\n'
MINORS = range(10, 15)
HEAD = (
    '| Python | ROS 2 | environment | imports | runtime tests | node tests |\n'
    + '|---' * 6
    + '|\n'
)
NEEDED = ['numpy', 'opencv-python-headless', 'PyYAML', 'tqdm', 'onnxruntime']
FOR_TESTS = ['onnx', 'pytest', 'pytest-rerunfailures', 'hypothesis', 'psutil']
RUNTIME = [
    f'test/runtime/test_{name}.py'
    for name in ('segmenter', 'geometry', 'preprocess', 'description', 'onnx_wire')
]
NODES = ['test/nodes/test_messages.py', 'test/nodes/test_segmentation_node.py']
IMPORTS = """
import cv2, numpy, onnxruntime, rclpy
import rtseg_ros.nodes.segmentation_node
from rtseg_ros.runtime import load_segmenter
rclpy.init()
rclpy.create_node('probe').destroy_node()
rclpy.shutdown()
print('NumPy', numpy.__version__, 'OpenCV', cv2.__version__, 'ORT', onnxruntime.__version__)
"""


def find_python(minor: int) -> Path | None:
    """Return an interpreter of Python 3.minor: on the PATH, else of pyenv."""
    named = shutil.which(f'python3.{minor}')
    kept = Path('~/.pyenv/versions').expanduser().glob(f'3.{minor}.*/bin/python')
    newest = sorted(kept, key=lambda path: [int(n) for n in re.findall(r'\d+', path.parts[-3])])
    for python in [*([Path(named)] if named else []), *reversed(newest)]:
        # What pyenv puts on the PATH fails where that version is not chosen.
        if run([python, '-c', '0']).returncode == 0:
            return python
    return None


def run(command: list, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment."""
    kept = ('PATH', 'HOME', 'LANG', *(name for name in os.environ if name.startswith('PIP_')))
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True,
        env={name: os.environ[name] for name in kept if name in os.environ} | environment,
    )  # fmt: skip


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return lines[-1].replace('|', '/')[:160] if lines else f'status {result.returncode}'


def environment(python: Path, ros: str) -> tuple[Path, str]:
    """Make an environment; return it and what went wrong, or nothing."""
    version = run([python, '-c', 'import platform; print(platform.python_version())'])
    venv = ROOT / 'build' / 'matrix' / f'{version.stdout.strip()}-{ros}'
    if (venv / '.ready').exists():
        return venv, ''
    shutil.rmtree(venv, ignore_errors=True)
    wheels = (ROOT / f'requirements-ros-{ros}.txt').read_text().split('# The generators')[0]
    pip = [venv / 'bin' / 'python', '-m', 'pip', '-q', '--disable-pip-version-check', 'install']
    distributions = [line for line in wheels.splitlines() if line.startswith('ros-')]
    for command in (
        [python, '-m', 'venv', venv],
        [*pip, *NEEDED, *FOR_TESTS, *distributions],
        [*pip, '--no-deps', '-e', ROOT],
    ):
        result = run(command)
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if line.startswith('ERROR')]
            return venv, (errors or [last_line(result)])[0].replace('|', '/')[:160]
    (venv / '.ready').touch()
    return venv, ''


def line(minor: int, ros: str) -> Iterator[str]:
    """Yield the cells of one line; the first that fails is the last."""
    python = find_python(minor)
    yield f'3.{minor}'
    yield ros
    if python is None:
        yield 'not run: no such Python found here'
        return
    venv, problem = environment(python, ros)
    yield problem or venv.name.split('-')[0]
    if problem:
        return
    ament = {'AMENT_PREFIX_PATH': str(venv), 'OMP_NUM_THREADS': '1'}
    interpreter = venv / 'bin' / 'python'
    imports = run([interpreter, '-c', IMPORTS], **ament)
    yield last_line(imports)
    if imports.returncode:
        return
    for tests in (RUNTIME, NODES):
        result = run([interpreter, '-m', 'pytest', '-p', 'no:cacheprovider', *tests], **ament)
        yield re.sub(r'(, \d+ warnings?)? in [\d.]+s.*', '', last_line(result)).strip('= ')


def write(rows: list[str]) -> None:
    """Put lines into the table of the page, in the place of those of the same pairs."""
    page = PAGE.read_text(encoding='utf-8')
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    known = [*table.removeprefix(HEAD).splitlines(keepends=True), *rows]
    of_pair = {tuple(row.split(' | ')[:2]): row for row in known}
    ordered = ''.join(of_pair[pair] for pair in sorted(of_pair))
    PAGE.write_text(before + BEGIN + HEAD + ordered + END + after, encoding='utf-8')


def main() -> int:
    """Run the matrix; return 1 if a pair that could be run failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--write', action='store_true', help='put the table into the page')
    parser.add_argument('--python', type=int, action='append', help='the minor version: 12')
    parser.add_argument('--ros', action='append', help='a distribution')
    arguments = parser.parse_args()
    names = sorted(path.stem.split('-')[-1] for path in ROOT.glob('requirements-ros-*.txt'))
    print(HEAD, end='', flush=True)
    rows, failed = [], False
    for minor in arguments.python or MINORS:
        for ros in arguments.ros or names:
            start, cells = time.monotonic(), list(line(minor, ros))
            failed |= any(re.search(r'\d (failed|errors?)\b|Error', cell) for cell in cells)
            rows.append('| ' + ' | '.join(cells + [''] * (6 - len(cells))) + ' |\n')
            print(rows[-1], end='', flush=True)
            print(f'{time.monotonic() - start:.0f} s', file=sys.stderr)
    if arguments.write:
        write(rows)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
