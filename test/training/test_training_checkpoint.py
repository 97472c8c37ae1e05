# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that 0.1.0 wrote continue, start another run and convert.

``run_of_0.1.0.tar.xz`` holds a label set, a data set of 4 + 4 frames, and best.pth and last.pth of

    rtseg train lednet --dataset three.yaml --root data --recipe road --batch-size 2
        --crop-hw 32 32 --size-hw 32 48 --epochs 4 -o run

as 0.1.0 (commit cd5cac0) left them when it was killed in its third epoch. So that the archive is
small, the network began with equal weights within each tensor instead of random ones, and what was
saved has 9 bits of mantissa.
"""

from dataclasses import replace
from pathlib import Path
import tarfile

import pytest
import torch

from rtseg_ros.cli import main
from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import TrainingError
from rtseg_ros.labels import LabelSet
from rtseg_ros.training.checkpoint import load_checkpoint

ARCHIVE = Path(__file__).with_name('run_of_0.1.0.tar.xz')
LABELS = LabelSet('three', ('road', 'car', 'person'), ((0, 0, 0), (40, 0, 0), (80, 0, 0)))
SIZE_HW = (32, 48)
# What 0.1.0 itself came to in the epochs after the two that the archive has.
LOSSES_OF_010 = (1.0970273, 1.0955961)


@pytest.fixture
def old_run(tmp_path):
    """Return the folder of a run with best.pth and last.pth after 2 of its 4 epochs."""
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            target = tmp_path / member.name
            if member.isdir():
                target.mkdir(exist_ok=True)
            else:
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
    return tmp_path / 'run'


@pytest.fixture
def words(tmp_path):
    """Return the command that continues the run: 4 epochs of 2 steps."""
    return [
        'train', 'lednet', '--dataset', str(tmp_path / 'three.yaml'),
        '--root', str(tmp_path / 'data'), '--recipe', 'road', '--batch-size', '2',
        '--crop-hw', '32', '32', '--size-hw', '32', '48', '--epochs', '4',
    ]  # fmt: skip


@pytest.mark.training
def test_it_continues_and_is_extended(old_run, words, capsys):
    assert main([*words, '-o', str(old_run)]) == 0
    assert 'continuing after epoch 2 of 4' in capsys.readouterr().out
    last = load_checkpoint(old_run / 'last.pth')
    assert [figures.epoch for figures in last.state.history] == [1, 2, 3, 4]
    losses = [figures.loss for figures in last.state.history]
    assert losses[:2] == [1.0986433029174805, 1.0983589887619019]
    assert losses[2:] == pytest.approx(LOSSES_OF_010, abs=2e-5)
    steps = {int(state['step']) for state in last.state.optimizer['state'].values()}
    assert steps == {4 * 2}  # Adam goes on counting
    assert len(last.legs) == 1

    words[words.index('--epochs') + 1] = '5'
    assert main([*words, '-o', str(old_run)]) == 0
    said = capsys.readouterr().out
    assert 'leg 2: epochs 5 to 5, the rate from 0.000167 down to 0' in said
    assert [leg.until_epoch for leg in load_checkpoint(old_run / 'last.pth').legs] == [4, 5]


def test_it_says_in_one_line_what_differs(old_run, words, capsys):
    assert main([*words, '-o', str(old_run), '--seed', '3', '--learning-rate', '0.001']) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'the seed was 0 and is 3 now; learning_rate was 0.0005 and is 0.001 now' in said
    words[words.index('road')] = 'lednet'
    assert main([*words, '-o', str(old_run)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "and is 'LEDNet, section 3.1' now; give what was" in said
    assert 'momentum' not in said  # the recipe's name says enough


@pytest.mark.training
@pytest.mark.parametrize('name', ['best.pth', 'last.pth'])
def test_another_run_starts_from_it(old_run, words, name, tmp_path, capsys):
    words[words.index('--epochs') + 1] = '1'
    start = ['-o', str(tmp_path / 'new'), '--start-from', str(old_run / name)]
    assert main([*words, *start]) == 0
    said = capsys.readouterr().out
    assert '0 tensors do not fit' in said
    assert f'starts from {name} sha256' in said


@pytest.mark.export
def test_it_converts(old_run, tmp_path):
    pytest.importorskip('onnx', reason='the converter needs onnx')
    target = tmp_path / 'model.onnx'
    assert main(['convert', str(old_run / 'best.pth'), '-o', str(target)]) == 0
    assert target.exists()
    read = read_checkpoint(old_run / 'best.pth')
    assert (read.network, read.labels, read.preprocessing.size_hw) == ('lednet', LABELS, SIZE_HW)
    assert read.accuracy['iou'] == {'road': 0.65625, 'car': 0.0, 'person': 0.0}


def test_it_is_in_the_table_of_runs(old_run, capsys):
    assert main(['runs', str(old_run)]) == 0
    assert '| 1 of 4 | three/val | 21.9 | 65.6 | 0.0 | 0.0 |' in capsys.readouterr().out


def test_what_is_written_is_what_was_read(old_run, tmp_path):
    for name in ('best.pth', 'last.pth'):
        read = load_checkpoint(old_run / name)
        read.save(tmp_path / 'again.pth')
        again = load_checkpoint(tmp_path / 'again.pth')
        assert all(torch.equal(again.weights[key], value) for key, value in read.weights.items())
        empty = {'weights': {}, 'iou': None, 'state': None}
        assert replace(again, **empty) == replace(read, **empty)
        old = torch.load(old_run / name, weights_only=True)
        new = torch.load(tmp_path / 'again.pth', weights_only=True)
        assert set(new) == {*old, 'legs', 'trained_on'}


def test_a_run_that_was_not_validated_has_no_miou(old_run):
    content = torch.load(old_run / 'last.pth', weights_only=True)
    torch.save(content | {'best_miou': -1.0}, old_run / 'last.pth')  # as 0.1.0 said it
    assert load_checkpoint(old_run / 'last.pth').best_miou is None


def test_a_key_that_is_missing_is_named(old_run):
    content = torch.load(old_run / 'best.pth', weights_only=True)
    del content['val_data']
    torch.save(content, old_run / 'best.pth')
    with pytest.raises(TrainingError, match=r"best\.pth .* lacks or misstates 'val_data'"):
        load_checkpoint(old_run / 'best.pth')
