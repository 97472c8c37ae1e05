# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg models``: counts, descriptions and receptive fields on the screen and as JSON."""

import json
import re
import sys

import pytest
import torch

from rtseg_ros.cli import main
from rtseg_ros.labels import CAMVID
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.measures import costs
from rtseg_ros.runtime.preprocess import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, Preprocessing
from rtseg_ros.runtime.shipped import DEFAULT_MODEL, shipped_models
from rtseg_ros.training.checkpoint import TrainingCheckpoint
from rtseg_ros.training.recipe import RECIPES
from rtseg_ros.training.schedule import first_leg


def test_table(capsys, tmp_path, monkeypatch):
    assert costs.list_networks is list_networks  # all of the zoo; four are enough to look at
    named = ('linknet', 'skipnet_shufflenet', 'swiftnet_rn18', 'unet_vgg16')
    monkeypatch.setattr(costs, 'list_networks', lambda: named)
    path = tmp_path / 'models.json'
    assert main(['models', '--size-hw', '384', '640', '--json', str(path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = {row['name']: row for row in json.loads(path.read_text())['networks']}
    assert tuple(rows) == named
    linknet = rows['linknet']
    assert [row['name'] for row in json.loads(path.read_text())['shipped']] == shipped_models()
    assert linknet['parameters'] == 11_535_699
    assert linknet['gmacs'] == pytest.approx(10.196, abs=0.001)
    assert linknet['published_gmacs'] == 10.6
    assert linknet['gmacs_difference'] == pytest.approx(10.196 / 10.6 - 1, abs=1e-4)
    assert linknet['licence'] == 'CC BY-NC 4.0'
    assert rows['skipnet_shufflenet']['gmacs'] == pytest.approx(1.051, abs=0.001)
    assert rows['swiftnet_rn18']['gmacs_at_published_size'] == pytest.approx(103.566, abs=0.001)
    assert rows['unet_vgg16']['published_gmacs'] is None
    line = next(line for line in printed if line.startswith('linknet '))
    assert line.split() == [
        'linknet', '19', '11,535,699', '11.5M', '+0.3%', '10.196', '384x640', '10.6', '360x640',
        '10.196', '-3.8%',
    ]  # fmt: skip


def test_networks_are_counted_only_if_asked_for(capsys, monkeypatch):
    counted = []
    monkeypatch.setattr(costs, 'network_costs', lambda size_hw: counted.append(size_hw) or [])
    assert main(['models']) == 0
    assert counted == []
    assert 'networks to train: rtseg models --networks\n' in capsys.readouterr().out
    assert main(['models', '--networks']) == 0
    assert counted == [None]


def test_too_small_a_size(capsys):
    assert main(['models', '--size-hw', '8', '640']) == 1
    assert '32x640' in capsys.readouterr().err


def test_description(tiny_model, capsys, monkeypatch):
    model = tiny_model
    # A robot has no torch.
    monkeypatch.setitem(sys.modules, 'torch', None)
    assert main(['models', '--describe', str(model), '--json', '-']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['network'] == 'tiny'
    assert facts['classes'] == ['dark', 'blue', 'green', 'red']
    assert facts['input'] == 'uint8 (1, 48, 64, 3)'
    assert facts['outputs'] == {'logits': 'float32 (1, 4, 12, 16)'}
    assert main(['models', '--describe', str(model)]) == 0
    assert '    1  #0000ff  blue\n' in capsys.readouterr().out


def test_description_of_a_shipped_model_is_for_people(capsys):
    assert main(['models', '--describe', DEFAULT_MODEL]) == 0
    text = capsys.readouterr().out
    assert re.search(r'accuracy +mIoU \d\d\.\d% on camvid/val\n', text)
    assert re.search(r'\n +0  #808080  Sky +IoU 9\d\.\d%\n', text)
    assert re.search(r'file .*\(\d+\.\d MB\)\n', text)
    assert 'licence' in text
    assert not re.search(r'\d\.\d{6}', text), 'nobody reads so many digits'
    assert ' ,' not in text


def test_list_of_shipped_models_needs_no_torch(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)
    assert main(['models', '--json', '-']) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row['name'] for row in listed['shipped']] == shipped_models()
    assert [row['name'] for row in listed['shipped'] if row['default']] == [DEFAULT_MODEL]
    assert listed['networks'] is None
    assert main(['models']) == 0
    text = capsys.readouterr().out
    for name in shipped_models():
        assert re.search(
            rf'^{name} +11 +360x480 +(fp32|int8) +\d+\.\d +7\d\.\d% +camvid/val$', text, re.M
        )
    assert "pip install '.[cpu,convert]'" in text


def test_description_of_no_model(tmp_path, capsys):
    assert main(['models', '--describe', str(tmp_path / 'absent.onnx')]) == 1
    assert 'absent.onnx' in capsys.readouterr().err


def test_receptive_field_of_random_weights(capsys):
    words = ['models', '--erf', 'swiftnet_rn18', '--size-hw', '64', '96', '--limit', '1']
    assert main([*words, '--json', '-']) == 0
    field = json.loads(capsys.readouterr().out)
    assert field['weights'] == 'random'
    assert field['images'] == 1
    assert 0 < field['horizontal_px'] < 96
    assert field['published']['vertical_px'] == 153.55
    assert main(words) == 0
    assert 'Table 5' in capsys.readouterr().out


def test_receptive_field_of_a_checkpoint(tmp_path, capsys):
    network = create_network('esnet', 11)
    path = tmp_path / 'best.pth'
    recipe = RECIPES['esnet']
    TrainingCheckpoint(
        network='esnet',
        recipe=recipe,
        legs=(first_leg(recipe),),
        seed=0,
        data_hash='',
        starts_from='',
        labels=CAMVID,
        preprocessing=Preprocessing((48, 64), 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB),
        train_data='camvid/train',
        val_data='camvid/val',
        precision='fp32',
        command='',
        epoch=1,
        best_miou=0.5,
        versions={},
        weights=network.state_dict(),
    ).save(path)
    assert main(['models', '--erf', 'esnet', '--checkpoint', str(path), '--json', '-']) == 0
    field = json.loads(capsys.readouterr().out)
    assert field['size_hw'] == [48, 64]
    assert field['images'] == 8
    assert field['published'] is None
    assert main(['models', '--erf', 'lednet', '--checkpoint', str(path)]) == 1
    assert '--erf esnet' in capsys.readouterr().err


def test_receptive_field_on_frames(tmp_path, capsys):
    cv2 = pytest.importorskip('cv2')
    generator = torch.Generator().manual_seed(0)
    for name in ('a', 'b', 'c'):
        noise = torch.randint(0, 256, (40, 60, 3), generator=generator, dtype=torch.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), noise.numpy())
    words = ['--frames', str(tmp_path), '--limit', '2', '--size-hw', '40', '60', '--json', '-']
    assert main(['models', '--erf', 'lednet', *words]) == 0
    assert json.loads(capsys.readouterr().out)['images'] == 2


def test_receptive_field_of_an_unknown_network(capsys):
    assert main(['models', '--erf', 'segnet']) == 1
    assert 'segnet' in capsys.readouterr().err
