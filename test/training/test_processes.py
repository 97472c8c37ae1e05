# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Several processes train as one would: torchrun, gloo, two of them on this machine."""

import pytest
from two_processes import TORCHRUN, compare, run, write_data

from rtseg_ros.cli import main
from rtseg_ros.errors import TrainingError
from rtseg_ros.training.checkpoint import load_checkpoint
from rtseg_ros.training.processes import Processes, with_synchronised_norm

pytestmark = [pytest.mark.training, pytest.mark.process]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    write_data(root)
    return root


def test_two_processes_take_the_step_of_one(data, tmp_path):
    difference = compare(data, tmp_path, 'frozen', 'cross_entropy')
    assert difference.loss < 1e-5
    assert difference.gradients < 1e-5
    assert difference.largest > 1e-2  # there is something to compare


def words(data, output, epochs):
    return [
        'train', 'lednet', '--dataset', data / 'labels.yaml', '--root', data, '-o', output,
        '--epochs', epochs, '--batch-size', 4, '--crop-hw', 32, 32, '--size-hw', 48, 64,
        '--device', 'cpu',
    ]  # fmt: skip


def test_a_run_of_one_process_goes_on_in_two_and_one_of_them_speaks(data, tmp_path):
    output = tmp_path / 'run'
    assert main([str(word) for word in words(data, output, 1)]) == 0
    done = run(*TORCHRUN, '-m', 'rtseg_ros.cli', *words(data, output, 2))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('continuing after epoch 1 of 2') == 1
    assert done.stdout.count('best mIoU') == 1
    assert load_checkpoint(output / 'last.pth').epoch == 2
    assert len((output / 'curve.csv').read_text().splitlines()) == 3


def test_an_error_is_said_once_and_ends_all(data, tmp_path):
    wrong = [*words(data, tmp_path / 'run', 1), '--batch-size', 3]
    done = run(*TORCHRUN, '-m', 'rtseg_ros.cli', *wrong)
    assert done.returncode != 0
    # Who speaks may do so behind the bar of the first, on one line.
    assert done.stderr.count('rtseg train: ') == 1
    assert done.stderr.count('a batch of 3 images does not divide among 2 processes') == 1


def test_each_process_has_its_part_of_a_batch():
    batch = list(range(6))
    parts = [batch[Processes(rank, 3).share(6)] for rank in range(3)]
    assert parts == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(TrainingError, match='multiple of 3'):
        Processes(0, 3).share(8)


@pytest.mark.parametrize(
    ('processes', 'device', 'where'),
    [(Processes(0, 2), 'cpu', 'on a CPU'), (Processes(), 'cuda', 'in a single process')],
)
def test_synchronised_norm_is_refused_where_there_is_none(processes, device, where):
    import torch

    with pytest.raises(TrainingError, match=where):
        with_synchronised_norm(torch.nn.BatchNorm2d(3), processes, device)
