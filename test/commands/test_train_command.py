# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""`rtseg train` from data to checkpoint, and on from there to other classes."""

import cv2
import numpy as np
import pytest
import torch
import yaml

from rtseg_ros.cli import main
from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.labels import LabelSet
from rtseg_ros.training.checkpoint import load_checkpoint
from rtseg_ros.training.recipe import AUGMENTATIONS

pytestmark = pytest.mark.training

SMALL = ['--epochs', '1', '--batch-size', '2', '--crop-hw', '32', '32', '--size-hw', '32', '48']


@pytest.fixture
def data(tmp_path):
    """Return a function that writes frames of the named classes and their label set."""

    def write(name, classes):
        rng = np.random.default_rng(len(classes))
        labels = LabelSet(name, classes, tuple((40 * i, 0, 0) for i in range(len(classes))))
        (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(labels.to_dict()))
        for split in ('train', 'val'):
            for kind, high, depth in (('images', 256, (3,)), ('labels', len(classes), ())):
                folder = tmp_path / name / split / kind
                folder.mkdir(parents=True)
                for i in range(3):
                    image = rng.integers(0, high, (32, 48, *depth), dtype=np.uint8)
                    cv2.imwrite(str(folder / f'seq{i % 2}_{i}.png'), image)
        return ['--dataset', str(tmp_path / f'{name}.yaml'), '--root', str(tmp_path / name)]

    return write


def test_a_run_goes_on_with_other_classes(data, tmp_path, capsys):
    first = data('first', ('road', 'car', 'person'))
    second = data('second', ('person', 'kerb', 'road', 'sign'))
    assert main(['train', 'lednet', *first, '-o', str(tmp_path / 'a'), *SMALL]) == 0
    start = ['--start-from', str(tmp_path / 'a' / 'best.pth'), '--learning-rate', '1e-12']
    assert main(['train', 'lednet', *second, '-o', str(tmp_path / 'b'), *SMALL, *start]) == 0
    said = capsys.readouterr().out
    assert '0 tensors do not fit' in said  # the classes are known from the checkpoint

    assert 'starts from best.pth sha256' in said
    old, new = (read_checkpoint(tmp_path / run / 'best.pth').weights for run in 'ab')
    heads = [n for n in new if n.endswith('weight') and new[n].shape != old[n].shape]
    assert heads
    for name in heads:
        dim = list(new[name].shape).index(4)
        before, after = (weights[name].movedim(dim, 0) for weights in (old, new))
        assert torch.allclose(after[0], before[2], atol=1e-6)
        assert torch.allclose(after[2], before[0], atol=1e-6)


def test_held_out_sequence_is_what_is_validated(data, tmp_path, capsys):
    words = data('first', ('road', 'car'))
    run = ['train', 'lednet', *words, '-o', str(tmp_path / 'run'), *SMALL]
    assert main([*run, '--hold-out', 'seq1']) == 0
    said = capsys.readouterr().out
    assert 'first/train without seq1 (2 frames)' in said
    assert 'on first/train only seq1' in said
    assert main([*run, '--hold-out', 'seq7']) == 1
    assert 'leaves no frames to validate on' in capsys.readouterr().err


def test_a_start_that_has_seen_the_held_out_drive_is_refused(data, tmp_path, capsys):
    words = data('first', ('road', 'car'))

    def run(name, *more):
        return main(['train', 'lednet', *words, '-o', str(tmp_path / name), *SMALL, *more])

    assert run('all') == 0
    assert run('without', '--hold-out', 'seq1') == 0
    start = ['--start-from', str(tmp_path / 'all' / 'best.pth')]
    assert run('cheat', '--hold-out', 'seq1', *start) == 1
    assert 'trained on 1 of the 1 frames that this run validates on' in capsys.readouterr().err
    assert not (tmp_path / 'cheat').exists()
    start = ['--start-from', str(tmp_path / 'without' / 'best.pth')]
    assert run('honest', '--hold-out', 'seq1', *start) == 0
    found = read_checkpoint(tmp_path / 'honest' / 'best.pth').trained_on
    assert [record.drives for record in found] == [{'seq0': 2}] * 2
    assert [record.data for record in found] == ['first/train without seq1'] * 2
    # The drive is known by its name where its frames are stored anew.
    again = tmp_path / 'first' / 'train' / 'images' / 'seq0_2.png'
    cv2.imwrite(str(again), cv2.imread(str(again)), [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert run('cheat', '--hold-out', 'seq0', *start) == 1
    assert 'was trained on' in capsys.readouterr().err


def test_augmentation_is_asked_for_by_name(data, tmp_path, capsys):
    words = data('first', ('road', 'Pole'))
    run = ['train', 'lednet', *words, '-o', str(tmp_path / 'run'), *SMALL]
    every = [f'{name}=0.5' for name in AUGMENTATIONS]
    assert main([*run, '--augment', *every]) == 0
    assert load_checkpoint(tmp_path / 'run' / 'best.pth').recipe.paste == 0.5
    assert main(run) == 1
    assert 'gamma was 0.5 and is 0.0 now' in capsys.readouterr().err
    for wrong in ('fog=1', 'gamma=2', 'gamma'):
        with pytest.raises(SystemExit):
            main([*run, '--augment', wrong])


def test_what_is_validated_does_not_train(data, tmp_path, capsys):
    words = data('first', ('road', 'car'))
    run = ['train', 'lednet', *words, '-o', str(tmp_path / 'run'), *SMALL]
    assert main([*run, '--val-split', 'train']) == 1
    assert '3 frames of first/train are in first/train too' in capsys.readouterr().err


def test_labels_of_no_checkpoint_are_refused(data, tmp_path, capsys):
    words = data('first', ('road', 'car'))
    run = ['train', 'lednet', *words, '-o', str(tmp_path / 'run'), '--start-labels', 'camvid']
    assert main(run) == 1
    assert 'give both' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_classes_that_a_network_cannot_have_are_refused_before_data_are_read(
    data, tmp_path, capsys
):
    words = data('first', ('road', 'car'))
    for path in (tmp_path / 'first' / 'train').rglob('*.png'):
        path.write_bytes(b'no image')
    assert main(['train', 'espnet', *words, '-o', str(tmp_path / 'run'), *SMALL]) == 1
    assert 'needs at least 5 classes' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()
