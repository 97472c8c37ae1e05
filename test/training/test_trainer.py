# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The training loop learns, resumes bit for bit and refuses what cannot be continued."""

from dataclasses import replace
from pathlib import Path
import re

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets.folder import load_folder
from rtseg_ros.labels import LabelSet
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.training.checkpoint import load_checkpoint
from rtseg_ros.training.recipe import Recipe
from rtseg_ros.training.schedule import Leg
from rtseg_ros.training.trainer import RunSettings, StepNews, Trainer

pytestmark = pytest.mark.training

LABELS = LabelSet('colors', ('dark', 'blue', 'red'), ((0, 0, 0), (0, 0, 255), (255, 0, 0)))
RECIPE = Recipe(
    source='test', epochs=4, batch_size=4, crop_hw=(32, 32), learning_rate=0.02,
    scale_range=(0.8, 1.5), class_weights='enet', color_jitter=0.1, ema_decay=0.9,
)  # fmt: skip


class TinyEncoder(Encoder):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.1)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class TinyNetwork(SegmentationNetwork):
    """Two convolutions with BN and dropout: the parts whose state a resume must restore."""

    stride = 2
    size_multiple = 2
    minimum_side = 2

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = TinyEncoder()
        self.head = nn.Conv2d(8, num_classes, 1)

    def decode(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image))


@pytest.fixture(scope='module')
def data_root(tmp_path_factory) -> Path:
    """Frames whose classes are their colours."""
    root = tmp_path_factory.mktemp('colors')
    rng = np.random.default_rng(1)
    colors = np.array([(20, 20, 20), (220, 40, 40), (40, 40, 220)], np.uint8)  # BGR
    for split, count in (('train', 9), ('val', 3)):
        for kind in ('images', 'labels'):
            (root / split / kind).mkdir(parents=True)
        for i in range(count):
            labels = np.kron(rng.integers(0, 3, (3, 4)), np.ones((16, 16))).astype(np.uint8)
            noise = rng.integers(0, 20, (*labels.shape, 3), dtype=np.uint8)
            cv2.imwrite(str(root / split / 'images' / f'{i}.png'), colors[labels] + noise)
            cv2.imwrite(str(root / split / 'labels' / f'{i}.png'), labels)
    return root


def trainer(data_root: Path, output: Path, recipe: Recipe = RECIPE, **settings) -> Trainer:
    torch.manual_seed(3)
    output.mkdir(exist_ok=True)
    return Trainer(
        'tiny',
        TinyNetwork(3),
        recipe=recipe,
        train=load_folder(data_root, 'train', label_set=LABELS),
        val=load_folder(data_root, 'val', label_set=LABELS),
        preprocessing=Preprocessing((48, 64), 'rgb', (127.5,) * 3, (64.0,) * 3),
        settings=RunSettings(output, **settings),
        class_pixels=np.array([3, 2, 1]),
        pretrained=True,
    )


def ignore(*_) -> None:
    pass


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in the trainer may catch it."""


def killer(at_step: int):
    def progress(news: StepNews) -> None:
        if news.step == at_step:
            raise Killed

    return progress


def test_learns_colors(data_root, tmp_path):
    recipe = replace(RECIPE, epochs=30)
    assert trainer(data_root, tmp_path / 'run', recipe).run(ignore) > 0.8
    curve = (tmp_path / 'run/curve.csv').read_text().splitlines()
    assert len(curve) == 31
    assert (tmp_path / 'run/curve.png').stat().st_size > 1000


@pytest.mark.parametrize('kill_at', [1, 3, 4, 7])  # two steps an epoch: within and between
def test_resume_after_kill_continues_bit_for_bit(data_root, tmp_path, kill_at):
    whole = trainer(data_root, tmp_path / 'whole')
    whole.run(ignore)

    first = trainer(data_root, tmp_path / 'killed')
    with pytest.raises(Killed):
        first.run(killer(kill_at))
    second = trainer(data_root, tmp_path / 'killed')
    assert second.resume() == (kill_at > 2)
    second.run(ignore)

    for mine, theirs in zip(second.history, whole.history, strict=True):
        assert mine.loss == theirs.loss
        assert mine.miou == theirs.miou
    for name in ('last.pth', 'best.pth'):
        resumed = load_checkpoint(tmp_path / 'killed' / name)
        reference = load_checkpoint(tmp_path / 'whole' / name)
        for key, value in reference.weights.items():
            assert torch.equal(value, resumed.weights[key]), (name, key)


def test_different_seed_gives_different_curve(data_root, tmp_path):
    first = trainer(data_root, tmp_path / 'a', seed=0)
    first.run(ignore)
    second = trainer(data_root, tmp_path / 'b', seed=1)
    second.run(ignore)
    assert first.history[0].loss != second.history[0].loss


def test_refuses_to_continue_another_run(data_root, tmp_path):
    trainer(data_root, tmp_path / 'run').run(ignore)
    other = trainer(data_root, tmp_path / 'run', replace(RECIPE, learning_rate=0.01))
    with pytest.raises(TrainingError, match=r'learning_rate was 0\.02 and is 0\.01 now; give'):
        other.resume()


def test_refuses_foreign_and_broken_checkpoints(data_root, tmp_path):
    run = trainer(data_root, tmp_path / 'run')
    torch.save({'state_dict': {}}, tmp_path / 'run/last.pth')
    with pytest.raises(TrainingError, match='not written by rtseg train'):
        run.resume()
    (tmp_path / 'run/last.pth').write_bytes(b'half a file')
    with pytest.raises(TrainingError, match='not a readable checkpoint'):
        run.resume()


def test_checkpoint_holds_what_a_conversion_needs(data_root, tmp_path):
    trainer(data_root, tmp_path / 'run').run(ignore)
    best = load_checkpoint(tmp_path / 'run/best.pth')
    assert best.network == 'tiny'
    assert best.labels == LABELS
    assert best.preprocessing.size_hw == (48, 64)
    assert best.recipe.learning_rate == 0.02
    assert best.best_miou == pytest.approx(np.nanmean(best.iou))
    assert best.state is None


def test_too_few_frames_for_a_batch(data_root, tmp_path):
    with pytest.raises(TrainingError, match='9 frames, fewer than one batch of 10'):
        trainer(data_root, tmp_path / 'run', replace(RECIPE, batch_size=10))


def test_encoder_gets_its_share_of_rate_and_decay(data_root, tmp_path):
    recipe = replace(RECIPE, encoder_factor=0.25, weight_decay=0.4)
    groups = trainer(data_root, tmp_path / 'run', recipe).optimizer.param_groups
    assert [(group['lr'], group['weight_decay']) for group in groups] == [
        (0.02, 0.4),
        (0.005, 0.1),
    ]
    assert sum(len(group['params']) for group in groups) == 6


def test_diverged_training_stops_with_advice(data_root, tmp_path):
    recipe = replace(RECIPE, learning_rate=1e38, optimizer='sgd', epochs=3)
    with pytest.raises(TrainingError, match='lower the learning rate'):
        trainer(data_root, tmp_path / 'run', recipe).run(ignore)


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_gradient_is_clipped(data_root, tmp_path, precision):
    """One step of plain gradient descent moves the weights by rate times the clipped norm."""
    recipe = replace(
        RECIPE, optimizer='sgd', momentum=0.0, learning_rate=1.0, clip_norm=1e-3, ema_decay=0.0,
        encoder_factor=1.0,
    )  # fmt: skip
    run = trainer(data_root, tmp_path / 'run', recipe, precision=precision)
    before = [p.detach().clone() for p in run.network.parameters()]
    with pytest.raises(Killed):
        run.run(killer(1))
    moved = [p.detach() - old for p, old in zip(run.network.parameters(), before, strict=True)]
    assert float(torch.cat([m.flatten() for m in moved]).norm()) == pytest.approx(1e-3, rel=1e-2)


def test_more_epochs_are_another_leg(data_root, tmp_path):
    """Wherever the first leg was when the longer one was asked for, the outcome is the same."""
    longer = replace(RECIPE, epochs=6)
    trainer(data_root, tmp_path / 'ended').run(ignore)
    ended = trainer(data_root, tmp_path / 'ended', longer)
    assert ended.resume()
    assert ended.epoch == 4
    rates = []
    ended.run(lambda news: rates.append((news.epoch, news.learning_rate)))
    third = RECIPE.learning_rate / 3
    wanted = [(5, 1.0), (5, 0.5 + np.sqrt(0.125)), (6, 0.5), (6, 0.5 - np.sqrt(0.125))]
    assert rates == [(epoch, pytest.approx(third * factor)) for epoch, factor in wanted]

    with pytest.raises(Killed):
        trainer(data_root, tmp_path / 'killed').run(killer(5))
    killed = trainer(data_root, tmp_path / 'killed', longer)
    assert killed.resume()
    assert killed.epoch == 2
    killed.run(ignore)

    one, other = (load_checkpoint(tmp_path / run / 'last.pth') for run in ('ended', 'killed'))
    assert one.legs == other.legs == (Leg(4, 0.02), Leg(6, third))
    assert [figures.loss for figures in one.state.history] == [
        figures.loss for figures in other.state.history
    ]
    assert all(torch.equal(one.weights[key], other.weights[key]) for key in one.weights)

    again = trainer(data_root, tmp_path / 'ended', longer)
    assert again.resume()
    assert again.legs == one.legs
    with pytest.raises(TrainingError, match='epochs was 6 and is 4 now'):
        trainer(data_root, tmp_path / 'ended').resume()


def test_each_step_says_loss_rate_and_what_was_validated(data_root, tmp_path):
    said = []
    run = trainer(data_root, tmp_path / 'run', validate_every=2)
    run.run(lambda news: said.append(news.text()))
    assert re.fullmatch(r'epoch 1, loss \d\.\d{3}, rate 2\.0e-02', said[0])
    assert 'mIoU' not in ''.join(said[:4])
    assert all(re.search(r', val mIoU 0\.\d{3}$', text) for text in said[4:])
    assert '-1' not in ''.join(said)


def test_best_weights_are_no_run_to_continue(data_root, tmp_path):
    trainer(data_root, tmp_path / 'run').run(ignore)
    (tmp_path / 'run' / 'best.pth').replace(tmp_path / 'run' / 'last.pth')
    with pytest.raises(TrainingError, match='weights only.*--start-from'):
        trainer(data_root, tmp_path / 'run').resume()
