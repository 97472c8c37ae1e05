# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with changed bytes, pickles and records: read, refused, never a crash."""

import io
import pickle
import zipfile

from fuzzing import changed, damaged
from hypothesis import strategies as st
import pytest

pytest.importorskip('torch', reason='torch is not installed')
import torch

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import CheckpointError, TrainingError
from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.preprocess import Preprocessing
from rtseg_ros.training.checkpoint import FORMAT, load_checkpoint
from rtseg_ros.training.recipe import SWIFTNET

LABELS = LabelSet('two', ('a', 'b'), ((1, 2, 3), (4, 5, 6)))
WEIGHTS = {'conv.weight': torch.ones(2, 3, 1, 1), 'conv.bias': torch.zeros(2)}
OWN = {
    'format': FORMAT, 'network': 'linknet', 'recipe': SWIFTNET.to_dict(), 'seed': 0,
    'legs': [], 'data_hash': 'x', 'starts_from': '', 'label_set': LABELS.to_dict(),
    'preprocessing': Preprocessing((32, 48), 'rgb', (0.0,) * 3, (1.0,) * 3).to_dict(),
    'train_data': 't', 'val_data': 'v', 'precision': 'fp32', 'command': '', 'epoch': 3,
    'best_miou': 0.5, 'versions': {'torch': '2'}, 'model': WEIGHTS, 'iou': [0.5, float('nan')],
    'optimizer': {}, 'scaler': {}, 'history': [],
}  # fmt: skip
TRAINER = {'state_dict': WEIGHTS, 'epoch': 3, 'meta': {'classes': ['a', 'b']}, 'best': 0.5}


def saved(document, *, zipped=True):
    buffer = io.BytesIO()
    torch.save(document, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def repacked(content, change):
    """Return a zip with its pickle changed, and its checksums right."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(result, 'w', zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change if name.endswith('/data.pkl') else part)
    return result.getvalue()


def pickle_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return next(archive.read(n) for n in archive.namelist() if n.endswith('/data.pkl'))


@pytest.fixture
def read(tmp_path):
    """Read a checkpoint as the converter does."""
    path = tmp_path / 'checkpoint.pt'

    def read(content):
        path.write_bytes(content)
        for value in read_checkpoint(path).weights.values():
            value.sum()

    return read


def test_checkpoint(fuzz, read):
    seeds = [saved(WEIGHTS), saved(TRAINER), saved(OWN)]
    fuzz(damaged(seeds), read, CheckpointError)


def test_checkpoint_of_an_old_torch(fuzz, read):
    fuzz(damaged([saved(WEIGHTS, zipped=False), saved(TRAINER, zipped=False)]), read,
         CheckpointError)  # fmt: skip


def test_pickle_of_a_checkpoint(fuzz, read):
    contents = [saved(WEIGHTS), saved(TRAINER), saved(OWN)]
    inputs = st.sampled_from(contents).flatmap(
        lambda content: damaged([pickle_of(content)]).map(lambda part: repacked(content, part))
    )
    fuzz(inputs, read, CheckpointError)


def test_pickle_alone(fuzz, read):
    seeds = [pickle.dumps(TRAINER | {'state_dict': {'w': [1.0]}}, protocol) for protocol in (2, 4)]
    fuzz(damaged(seeds), read, CheckpointError)


def test_safetensors(fuzz, read):
    safetensors = pytest.importorskip('safetensors.torch', reason='safetensors is not installed')
    fuzz(damaged([safetensors.save(WEIGHTS)]), read, CheckpointError)


def test_what_our_checkpoint_says(fuzz, read):
    fuzz(changed([OWN]).map(saved), read, CheckpointError)


def test_checkpoint_to_continue_from(fuzz, tmp_path):
    path = tmp_path / 'last.pth'

    def read(content):
        path.write_bytes(content)
        load_checkpoint(path)

    fuzz(st.one_of(changed([OWN]).map(saved), damaged([saved(OWN)])), read, TrainingError)
