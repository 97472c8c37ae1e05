# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are not a checkpoint are told as what they are (B15)."""

import gzip
import tarfile
import zipfile

import onnx
import pytest
from safetensors.torch import save_file
import torch
from torch import nn

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import CheckpointError

WEIGHTS = {'a.weight': torch.ones(2, 3)}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / 'best.pth'
    torch.save(WEIGHTS, path)
    return path


def refused(path, message):
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path)


def test_archives_around_it(weights, tmp_path):
    packed = tmp_path / 'packed.pth'
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.write(weights, 'run/best.pth')
    refused(packed, 'is a zip with run/best.pth in it; unpack it')
    with tarfile.open(packed, 'w:gz') as archive:
        archive.add(weights, 'best.pth')
    refused(packed, 'is packed with gzip; unpack it')
    with tarfile.open(packed, 'w') as archive:
        archive.add(weights, 'best.pth')
    refused(packed, 'is a tar archive; unpack it')
    packed.write_bytes(gzip.compress(weights.read_bytes()))
    refused(packed, 'is packed with gzip')
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.writestr('readme.txt', 'x')
    refused(packed, r'is a zip without torch weights \(it has readme.txt\)')


def test_a_zip_packed_again_is_still_a_torch_file(weights, tmp_path):
    again = tmp_path / 'again.pth'
    with zipfile.ZipFile(weights) as old, zipfile.ZipFile(again, 'w', zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert torch.equal(read_checkpoint(again).weights['a.weight'], WEIGHTS['a.weight'])


def test_a_changed_byte_is_seen(tmp_path):
    path = tmp_path / 'best.pth'
    torch.save({'a.weight': torch.full((64,), 3.0)}, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\x00\x00\x40\x40' * 4, b'\x00\x00\x40\x41' * 4, 1))
    refused(path, r'damaged or cut off \(tensor a.weight: BadZipFile')


@pytest.mark.filterwarnings('ignore')
def test_programs(tmp_path):
    path = tmp_path / 'model.pt2'
    torch.export.save(torch.export.export(nn.Linear(3, 2), (torch.ones(1, 3),)), path)
    refused(path, 'is a program of torch.export')
    torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)).save(str(path))
    refused(path, 'is a TorchScript program')


@pytest.mark.parametrize(
    ('start', 'message'),
    [
        (b'ptrt', 'is a TensorRT engine'),
        (b'ftrt', 'is a TensorRT engine'),
        (b'\x1c\x00\x00\x00TFL3', 'is a TensorFlow Lite model'),
        (b'\x89HDF\r\n\x1a\n', 'is an HDF5 file'),
        (b'BZh9', 'is packed with bzip2'),
    ],
)
def test_models_of_other_kinds(start, message, tmp_path):
    path = tmp_path / 'model.bin'
    path.write_bytes(start + bytes(600))
    refused(path, message)


def test_onnx(tmp_path):
    path = tmp_path / 'model.pth'
    graph = onnx.helper.make_graph([], 'g', [], [])
    for producer in ('', 'pytorch'):
        onnx.save(onnx.helper.make_model(graph, producer_name=producer), path)
        refused(path, 'is an ONNX model, not a checkpoint')


def test_folders(tmp_path):
    folder = tmp_path / 'segformer'
    folder.mkdir()
    refused(folder, r'has none of model.safetensors.*\(it has nothing\)')
    (folder / 'model.safetensors.index.json').write_text('{}')
    refused(folder, 'keeps its weights in several files')
    torch.save(WEIGHTS, folder / 'pytorch_model.bin')
    assert read_checkpoint(folder).path.name == 'pytorch_model.bin'
    save_file(WEIGHTS, folder / 'model.safetensors')
    assert read_checkpoint(folder).path.name == 'model.safetensors'
    assert list(read_checkpoint(folder).weights) == ['a.weight']
