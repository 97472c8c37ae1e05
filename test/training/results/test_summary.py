# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of runs, from checkpoints as the trainer writes them."""

from dataclasses import replace
import json
import math

import cv2
import numpy as np
import pytest

from rtseg_ros.cli import main
from rtseg_ros.errors import TrainingError
from rtseg_ros.labels import load_label_set
from rtseg_ros.networks import create_network
from rtseg_ros.networks.network import parameter_count
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.training.checkpoint import TrainingCheckpoint
from rtseg_ros.training.recipe import RECIPES
from rtseg_ros.training.results.summary import markdown_table, summarise_run
from rtseg_ros.training.schedule import first_leg


def write_run(folder, network: str, *, miou: float, iou: list[float], labels: str = 'camvid'):
    folder.mkdir()
    label_set = load_label_set(labels)
    preprocessing = Preprocessing((64, 96), 'rgb', (0.0,) * 3, (255.0,) * 3)
    recipe = replace(RECIPES['road'], epochs=8)
    best = TrainingCheckpoint(
        network=network,
        recipe=recipe,
        legs=(first_leg(recipe),),
        seed=0,
        data_hash='',
        starts_from='',
        labels=label_set,
        preprocessing=preprocessing,
        train_data='camvid/train',
        val_data='camvid/val',
        precision='fp32',
        command=f'rtseg train {network}',
        epoch=3,
        best_miou=miou,
        versions={},
        weights=create_network(network, label_set.num_classes).state_dict(),
        iou=tuple(iou),
    )
    best.save(folder / 'best.pth')
    return folder


@pytest.fixture
def runs(tmp_path):
    shares = [0.5, math.nan, *[0.25] * 9]
    return [
        write_run(tmp_path / 'weak', 'esnet', miou=0.2, iou=shares),
        write_run(tmp_path / 'strong', 'swiftnet_mnv2', miou=0.7, iou=shares),
    ]


def test_a_run_is_summed_up(runs):
    summary = summarise_run(runs[1])
    assert summary.parameters == parameter_count(create_network('swiftnet_mnv2', 11))
    assert (summary.epoch, summary.epochs, summary.size_hw) == (3, 8, (64, 96))
    assert summary.iou['Sky'] == 0.5
    assert summary.iou['Building'] is None
    assert summary.published.startswith('71.6 (960x720')


def test_the_best_comes_first_and_commands_follow(runs):
    lines = markdown_table([summarise_run(folder) for folder in runs]).splitlines()
    assert lines[2].startswith('| strong | swiftnet_mnv2 |')
    assert lines[3].startswith('| weak | esnet |')
    assert '| 3 of 8 | camvid/val | 70.0 | 50.0 |  | 25.0 |' in lines[2]
    assert lines[-1] == '- weak: `rtseg train esnet`'
    assert len({line.count('|') for line in lines[:4]}) == 1


def test_the_command_writes_json(runs, tmp_path, capsys):
    target = tmp_path / 'runs.json'
    assert main(['runs', *map(str, runs), '--json', str(target)]) == 0
    assert '| strong |' in capsys.readouterr().out
    written = json.loads(target.read_text(), parse_constant=pytest.fail)
    assert [item['network'] for item in written] == ['esnet', 'swiftnet_mnv2']


def test_a_run_without_weights_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r'no best\.pth'):
        summarise_run(tmp_path)


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f'{i}.png'), np.full((48, 96, 3), 50 * i, np.uint8))
    return folder


def test_the_sheet_shows_frames_and_what_each_run_sees(runs, frames, tmp_path, capsys):
    target = tmp_path / 'sheet.png'
    words = ['runs', *map(str, runs), '--frames', str(frames), '--sheet', str(target)]
    assert main(words) == 0
    picture = cv2.imread(str(target))
    cell_height = picture.shape[0] // 3  # camera, strong, weak
    assert picture.shape[0] == 3 * cell_height
    first_frames = picture[: cell_height - 2, 230 : 230 + 3 * 288 - 20]
    assert set(np.unique(first_frames)) >= {0, 50, 150}  # spread over the five
    colors = np.array(load_label_set('camvid').colors)[:, ::-1] * 0.6
    seen = picture[cell_height + 60, 220 + 144].astype(float)  # the first frame is black
    assert np.abs(colors - seen).max(axis=1).min() < 2


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--sheet', 'sheet.png'], 'give both'),
        (['--frames', 'frames'], 'give both'),
        (['--sheet', 'sheet.txt', '--frames', 'frames'], r'end in .jpg or .png'),
        (['--sheet', 'sheet.jpg', '--frames', 'nowhere'], "'nowhere' is not there"),
        (['--sheet', 'nowhere/sheet.jpg', '--frames', 'frames'], "there is no folder 'nowhere'"),
    ],
)
def test_bad_options_of_the_sheet(runs, frames, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(['runs', *map(str, runs), *words]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('sheet*'))


def test_runs_of_other_classes_are_not_drawn_together(runs, frames, tmp_path, capsys):
    other = write_run(tmp_path / 'other', 'lednet', miou=0.1, iou=[0.1] * 19, labels='cityscapes')
    words = ['--frames', str(frames), '--sheet', str(tmp_path / 'sheet.png')]
    assert main(['runs', *map(str, runs), str(other), *words]) == 1
    assert 'different classes' in capsys.readouterr().err
