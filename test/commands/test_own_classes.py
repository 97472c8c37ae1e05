# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""docs/own_classes.md, typed as it stands: from an empty folder to a model of own classes."""

import json
from pathlib import Path
import re
import shlex

import cv2
import numpy as np
import pytest

from rtseg_ros.cli import main

pytestmark = [pytest.mark.training, pytest.mark.export]

PAGE = (Path(__file__).parents[2] / 'docs' / 'own_classes.md').read_text(encoding='utf-8')
# The page's are for real frames; the network is the same, the work a hundredth.
SMALL = ['--crop-hw', '64', '64', '--size-hw', '64', '64', '--batch-size', '4', '--workers', '1']


def blocks(language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)


def truth(index: int) -> np.ndarray:
    labels = np.zeros((48, 64), np.uint8)
    labels[:20] = 1
    labels[24:40, 10 + 5 * index : 26 + 5 * index] = 2
    labels[47] = 255
    return labels


@pytest.fixture
def yard(tmp_path, monkeypatch):
    """Frames, and labels as a drawing tool exports them: in colours."""
    monkeypatch.chdir(tmp_path)
    (text,) = blocks('yaml')
    Path('yard.yaml').write_text(text)
    colors = np.zeros((256, 3), np.uint8)
    colors[:3] = [[128, 64, 128], [60, 160, 0], [60, 20, 220]]
    for split, count in (('train', 4), ('val', 2)):
        for folder in ('images', 'colors'):
            Path('data', split, folder).mkdir(parents=True)
        for index in range(count):
            name = f'{split}_{index:04}'
            frame = (colors[truth(index)] * 0.8).astype(np.uint8)
            cv2.imwrite(f'data/{split}/images/{name}.jpg', frame)
            cv2.imwrite(f'data/{split}/colors/{name}.png', colors[truth(index)])


@pytest.mark.usefixtures('yard')
def test_the_page_from_an_empty_folder(capsys):
    pytest.importorskip('torch', reason='training needs torch')
    (python,) = blocks('python')
    exec(compile(python, 'own_classes.md', 'exec'), {})
    for index, path in enumerate(sorted(Path('data/train/labels').iterdir())):
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(labels, truth(index))

    commands = [line for block in blocks('sh') for line in block.splitlines() if 'rtseg ' in line]
    verbs = []
    for command in commands:
        program, verb, *words = shlex.split(command)
        if program != 'rtseg':
            continue
        paths = [str(path) for word in words for path in Path().glob(word) if '*' in word]
        words = [word for word in words if '*' not in word]
        assert main([verb, *paths, *words, *(SMALL if verb == 'train' else [])]) == 0, verb
        verbs.append(verb)
    assert verbs == ['train', 'runs', 'convert', 'evaluate', 'segment']
    assert 'ground | grass | obstacle' in capsys.readouterr().out
    report = json.loads(Path('report/report.json').read_text())
    assert list(report['iou']) == ['ground', 'grass', 'obstacle']
    assert report['frames'] == 2
    assert len(list(Path('look').glob('*_overlay.jpg'))) == 2
