# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What stands before keys, and which keys are left out, on the keys of a real network."""

import pytest
import torch
from torch.nn.utils import prune

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.checkpoints.keys import summary
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.errors import CheckpointError
from rtseg_ros.networks import create_network

NAME = 'swiftnet_mnv2'


@pytest.fixture
def fit(tmp_path):
    def save_and_fit(content, **options):
        path = tmp_path / 'weights.pth'
        torch.save(content, path)
        checkpoint = read_checkpoint(path, **options)
        loaded, found = load_weights(checkpoint, NAME, outputs=(11, 12))
        return loaded.state_dict(), [*checkpoint.notes, found.view.note()]

    return save_and_fit


@pytest.fixture
def ours(network):
    return network(NAME).state_dict()


def below(prefix, weights, factor=1.0):
    return {
        f'{prefix}{key}': value * factor if value.is_floating_point() else value
        for key, value in weights.items()
    }


def same(loaded, weights, factor=1.0):
    """Tell whether all weights are there; counters of batches are not loaded."""
    return all(
        torch.equal(loaded[key], value * factor)
        for key, value in weights.items()
        if value.is_floating_point()
    )


@pytest.mark.parametrize(
    ('prefix', 'foreign', 'said'),
    [
        # B6
        ('model.', ['criterion.weight'], 'left out: criterion.weight'),
        ('model.', ['val_miou.confmat', 'train_acc.total'], 'left out: val_miou.confmat, train_'),
        ('', ['criterion.weight', 'loss_fn.weight'], 'left out: criterion.weight, loss_fn.weight'),
        ('net.model.', ['criterion.weight', 'sampler.weight'], "keys below 'net.model.'"),
        # B7
        ('segmentor.', [], "keys below 'segmentor.'"),
        ('_forward_module.model.', [], "keys below '_forward_module.model.'"),
    ],
)
def test_foreign_keys_do_not_stop_the_prefix(prefix, foreign, said, fit, ours):
    content = below(prefix, ours) | {key: torch.ones(19) for key in foreign}
    loaded, notes = fit({'state_dict': content})
    assert same(loaded, ours)
    assert any(said in note for note in notes), notes


@pytest.mark.parametrize('inner', ['module', '_orig_mod', '_fsdp_wrapped_module'])
def test_a_wrapped_part(inner, fit, ours):
    """B7: only the encoder was in DataParallel."""
    wrapped = {key.replace('encoder.', f'encoder.{inner}.'): value for key, value in ours.items()}
    assert same(fit(wrapped)[0], ours)


@pytest.mark.parametrize(
    ('raw', 'average'), [('model.', 'ema_model.'), ('student.', 'teacher.'), ('net.', 'net_ema.')]
)
def test_of_two_that_fit_the_average_is_taken_and_said(raw, average, fit, ours):
    """B6."""
    content = {'state_dict': below(raw, ours) | below(average, ours, 0.5)}
    loaded, notes = fit(content)
    assert same(loaded, ours, 0.5)
    assert f"keys below '{average}', which are averaged weights" in notes[-1]
    assert f'--weights-prefix {raw}' in notes[-1]
    loaded, notes = fit(content, prefix=raw)
    assert same(loaded, ours)
    assert same(fit(content, prefix=raw.rstrip('.'))[0], ours)
    assert 'because of --weights-prefix' in notes[0]


def test_the_group_that_fits_is_taken_not_the_largest(fit, ours):
    other = create_network('swiftnet_rn18_pyr', 11).state_dict()
    loaded, notes = fit(below('teacher.', other) | below('student.', ours))
    assert same(loaded, ours)
    assert "keys below 'student.'; left out: teacher.*" in notes[-1]


def test_of_two_that_fit_none_is_guessed(fit, ours):
    with pytest.raises(CheckpointError, match=r"below 'a\.' and 'b\.'.*--weights-prefix"):
        fit(below('a.', ours) | below('b.', ours))


def test_a_prefix_that_is_not_there(fit, ours):
    with pytest.raises(CheckpointError, match=r"no key starts with 'x\.'.*model\.\* \(\d+ keys\)"):
        fit(below('model.', ours), prefix='x')


def test_mmcv_buffers_are_dropped(fit, ours):
    """B9: mmcv's plain keys hold the average once it has saved."""
    buffers = {f'ema_{key.replace(".", "_")}': value * 0 for key, value in ours.items()}
    loaded, notes = fit({'state_dict': ours | buffers, 'meta': {'epoch': 1}})
    assert same(loaded, ours)
    assert f'{len(ours)} ema_* buffers left out' in notes[0]


def test_heads_of_training_are_ignored_when_asked(fit, ours):
    """B14."""
    heads = {f'aux_head.{n}.weight': torch.ones(3) for n in range(4)} | {'logits2': torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"--ignore-keys 'aux_head\.\*,logits2'"):
        fit(ours | heads)
    loaded, notes = fit(ours | heads, ignore_keys='aux_head.*,logits2')
    assert same(loaded, ours)
    assert notes[0] == 'left out because of --ignore-keys: aux_head.* (4 keys), logits2'
    with pytest.raises(CheckpointError, match="--ignore-keys: 'aux.*' matches no key"):
        fit(ours, ignore_keys='aux.*')


def test_fake_quantisation_is_ignored_when_asked(fit, ours):
    """B14: quantisation-aware training keeps its observers among the weights."""
    kinds = ('weight_fake_quant.scale', 'activation_post_process.min_val')
    observers = {f'logits.conv.{kind}': torch.ones(1) for kind in kinds}
    with pytest.raises(CheckpointError, match=r"--ignore-keys 'logits\.conv\.weight_fake_quant"):
        fit(ours | observers)
    loaded, _ = fit(ours | observers, ignore_keys='*fake_quant*, *activation_post_process*')
    assert same(loaded, ours)


def test_pruned_weights_are_multiplied_out(fit):
    """B14."""
    torch.manual_seed(0)
    network = create_network(NAME, 11)
    prune.l1_unstructured(network.logits.conv, 'weight', amount=0.5)
    content = network.state_dict()
    assert 'logits.conv.weight_mask' in content
    loaded, notes = fit(content)
    expected = content['logits.conv.weight_orig'] * content['logits.conv.weight_mask']
    assert torch.equal(loaded['logits.conv.weight'], expected)
    assert (expected == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    assert notes[0] == '1 pruned weights multiplied with their masks'


def test_a_summary_is_short():
    keys = ['a.x', 'a.y', 'b', 'c.z', 'd.1', 'd.2']
    assert summary(keys) == 'a.* (2 keys), b, c.z and 1 more groups'
