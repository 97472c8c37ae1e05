# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What documents and docstrings say of places in the house is so."""

import ast
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'rtseg_ros'
DOCUMENTS = sorted(
    [
        *ROOT.glob('*.md'),
        *(ROOT / 'docs').rglob('*.md'),
        *PACKAGE.rglob('*.md'),
        *ROOT.glob('.ci/*'),
    ]
)
MODULES = sorted(PACKAGE.rglob('*.py'))
# Names of loggers, not of modules; a word that follows a file's name in prose is no module either.
LOGGERS = {'rtseg_ros.tensorrt', 'rtseg_ros.openvino'}
# Files of other people's repositories, named where their checkpoints and figures are read.
OF_OTHERS = {
    'configs/rn18_single_scale.py', 'test/eval_iou.py', 'models/linknet.py', 'train/lednet.py',
    'models/resnet/resnet_single_scale.py', 'models/resnet/resnet_pyramid.py', 'models/semseg.py',
    'models/ddrnet.py', 'models/esnet.py', 'models/espnet.py', 'models/espnetv2.py',
    'models/lednet.py', 'models/pidnet.py', 'models/swiftnet.py', 'tools/deploy.py',
    'lib/datasets/cityscapes.py', 'datasets/cityscapes.py', 'datasets/camvid.py',
}  # fmt: skip
DOTTED = re.compile(r'\brtseg_ros(?:\.[a-z_][a-z0-9_]*)+(?![\w/])')
PATH = re.compile(r'(?<![\w/.*$])(?:[a-z_]+/)+[a-z_0-9]+\.(?:py|md|yaml)\b')


def missing_modules(text: str) -> list[str]:
    """Dotted names that are neither a module nor a name in one."""
    return [name for name in DOTTED.findall(text) if name not in LOGGERS and not _is_there(name)]


def _is_there(name: str) -> bool:
    place = ROOT
    for part in name.split('.'):
        if (place / part).is_dir():
            place /= part
        elif (place / f'{part}.py').is_file():
            return True
        else:  # a name in a package's __init__, or a file such as rtseg_ros.xml
            face = place / '__init__.py'
            return face.is_file() and bool(re.search(rf'\b{part}\b', face.read_text()))
    return True


def missing_files(text: str, folder: Path) -> list[str]:
    """Paths that lead nowhere from the root, the package, the tests or the folder of the text."""
    starts = (ROOT, PACKAGE, ROOT / 'test', folder)
    return [
        path
        for path in PATH.findall(text)
        if path not in OF_OTHERS and not any((start / path).exists() for start in starts)
    ]


def docstrings(module: Path) -> str:
    """All docstrings and comments of a module."""
    text = module.read_text(encoding='utf-8')
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    comments = [line.split('#', 1)[1] for line in text.splitlines() if '# ' in line]
    return '\n'.join([*(ast.get_docstring(node) or '' for node in nodes), *comments])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('document', DOCUMENTS, ids=name_of)
def test_places_in_documents_are_there(document):
    text = document.read_text(encoding='utf-8')
    assert missing_modules(text) + missing_files(text, document.parent) == []


@pytest.mark.parametrize('module', MODULES, ids=name_of)
def test_places_in_docstrings_are_there(module):
    text = docstrings(module)
    assert missing_modules(text) + missing_files(text, module.parent) == []


def test_a_missing_place_is_found():
    text = 'see rtseg_ros.runtime.segmenter, rtseg_ros.calibration and labels/class_groups.py'
    assert missing_modules(text) == ['rtseg_ros.calibration']
    assert missing_files(text, ROOT) == ['labels/class_groups.py']


def test_the_tree_names_every_folder():
    """CONTRIBUTING.md, "The house": every folder of the package at its place, and no other."""
    block = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8').split('```')[1]
    path: list[str] = []
    named = set()
    for line in block.strip().splitlines():
        indent, name = re.match(r'( *)([a-z_0-9]+)/', line).groups()
        path[len(indent) // 2 :] = [name]
        named.add('/'.join(path))
    folders = {name_of(module.parent) for module in MODULES} | {'rtseg_ros/models'}
    assert named == folders


@pytest.mark.parametrize(
    'pair',
    [
        ('runtime/preprocess.py', 'conversion/passes/ends.py'),
        ('frames/bag_source.py', 'evaluation/live/matcher.py'),
        ('labels/groups.py', 'labels/mapping.py'),
    ],
)
def test_two_places_that_do_one_thing_name_each_other(pair):
    for one, other in (pair, pair[::-1]):
        assert other in ast.get_docstring(ast.parse((PACKAGE / one).read_text(encoding='utf-8')))
