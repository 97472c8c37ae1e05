# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Inputs on which a reader crashed, found by fuzzing: each is refused now, in words."""

import io
from pathlib import Path
import pickle
import struct
import zipfile

import pytest

from rtseg_ros.errors import (
    BagError,
    CheckpointError,
    EvaluationError,
    LabelSetError,
    ModelFileError,
)
from rtseg_ros.evaluation.compare import compare
from rtseg_ros.labels.label_set_file import label_set_from_yaml
from rtseg_ros.labels.mapping import read_mapping
from rtseg_ros.labels.yaml_document import plain_yaml
from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.model_file import METADATA_KEY, model_file_from_content
from rtseg_ros.runtime.plans.plan_cache import PlanCache
from rtseg_ros.runtime.preprocess import preprocessing_from_dict

DEEP = '[' * 100_000
# Ten times ten times ... the same list: short to write, endless to print.
LAUGHS = 'l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n' + ''.join(
    f'l{i}: &l{i} [{", ".join([f"*l{i - 1}"] * 10)}]\n' for i in range(1, 12)
)


def test_a_damaged_node_of_a_model(make_model):
    content = make_model('damaged', outputs=('logits', 'labels')).read_bytes()
    node = content.index(b'finish/')
    damaged = content[: node - 1] + b'\x7f' + content[node:]
    model = model_file_from_content(damaged, Path('damaged.onnx'))
    with pytest.raises(ModelFileError, match=r'is damaged \(field .*copy it'):
        model.logits_only()


def test_metadata_nested_too_deeply(tiny_model):
    content = wire.with_property(tiny_model.read_bytes(), METADATA_KEY, DEEP)
    with pytest.raises(ModelFileError, match='cannot be used: RecursionError'):
        model_file_from_content(content, Path('deep.onnx'))


@pytest.mark.parametrize('value', [5, None, {'size_hw': [float('inf'), 1]}])
def test_preprocessing_that_is_none(value):
    with pytest.raises(ModelFileError, match='is not usable'):
        preprocessing_from_dict(value)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (f'{LAUGHS}classes: *l11', 'stands for more than'),
        ('&a [*a]', 'stands for more than'),
        ('a: &a {b: *a}', 'stands for more than'),
        ('[' * 10_000, 'nested too deeply'),
    ],
)
def test_yaml_without_end(tmp_path, text, words):
    with pytest.raises(LabelSetError, match=f'set.yaml:1: .*{words}'):
        label_set_from_yaml(text, source='set.yaml')
    (tmp_path / 'map.yaml').write_text(text)
    with pytest.raises(EvaluationError, match=f'cannot be read: .*{words}'):
        read_mapping(tmp_path / 'map.yaml')


def test_yaml_with_an_alias_is_read():
    assert plain_yaml('a: &x [1, 2]\nb: *x') == {'a': [1, 2], 'b': [1, 2]}
    assert plain_yaml('') is None


def test_an_index_of_a_bag_without_end(tmp_path):
    pytest.importorskip('rosbags', reason='rosbags is not installed')
    from rtseg_ros.frames.bags.storage import find_files

    (tmp_path / 'metadata.yaml').write_text(f'{LAUGHS}rosbag2_bagfile_information: *l11')
    with pytest.raises(BagError, match='metadata.yaml is damaged'):
        find_files(tmp_path)


@pytest.mark.parametrize('seconds', [None, 'x', []])
def test_a_manifest_whose_seconds_are_no_number(tmp_path, seconds):
    cache = PlanCache(tmp_path)
    cache.store('model', {}, b'plan', {'build_seconds': seconds})
    assert cache.estimate_s('model') is None


def test_json_nested_too_deeply(tmp_path):
    cache = PlanCache(tmp_path)
    cache.store('model', {}, b'plan', {})
    cache.write_note('model', {}, {'fast': True})
    for path in (*tmp_path.glob('*.json'), *tmp_path.glob('*.note')):
        path.write_text(DEEP)
    assert cache.find('model', {}) is None
    assert cache.note('model', {}) == {}
    (tmp_path / 'report.json').write_text(DEEP)
    with pytest.raises(EvaluationError, match='not a readable report'):
        compare(tmp_path / 'report.json', tmp_path / 'report.json')


def refusal_of(content, tmp_path):
    pytest.importorskip('torch', reason='torch is not installed')
    from rtseg_ros.conversion.checkpoint import read_checkpoint

    path = tmp_path / 'checkpoint.pt'
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        read_checkpoint(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ('opcodes', 'words'),
    [
        (b'\x80\x02]r' + struct.pack('<I', 2**31) + b'.', 'numbers an object 2147483648'),
        (b'\x80\x02]p99999999999\n.', 'numbers an object 99999999999'),
        (b'\x80\x04\x95' + struct.pack('<Q', 2**40) + b'N.', 'announces 1099511627776 bytes'),
        (b'\x80\x04\x8e' + struct.pack('<Q', 2**40) + b'.', 'bytes8'),
    ],
)
def test_a_pickle_that_wants_more_memory_than_it_has_bytes(tmp_path, opcodes, words):
    assert words in refusal_of(opcodes, tmp_path)


def test_a_zip_that_unpacks_to_more_than_itself(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', pickle.dumps('x' * 10**7, protocol=2))
    assert 'would have 10000' in refusal_of(buffer.getvalue(), tmp_path)


@pytest.mark.parametrize(
    ('key', 'value'), [('label_set', None), ('preprocessing', 3), ('network', ...), ('iou', 5)]
)
def test_a_checkpoint_of_ours_that_misstates_something(tmp_path, key, value):
    pytest.importorskip('torch', reason='torch is not installed')
    import torch

    from rtseg_ros.labels import CAMVID
    from rtseg_ros.runtime.preprocess import Preprocessing
    from rtseg_ros.training.checkpoint import FORMAT

    document = {
        'format': FORMAT, 'network': 'x', 'label_set': CAMVID.to_dict(),
        'preprocessing': Preprocessing((2, 2), 'rgb', (0,) * 3, (1,) * 3).to_dict(),
        'model': {'w': torch.ones(2)}, 'val_data': '', 'best_miou': 0.5, key: value,
    }  # fmt: skip
    if value is ...:
        del document[key]
    buffer = io.BytesIO()
    torch.save(document, buffer)
    assert 'lacks or misstates' in refusal_of(buffer.getvalue(), tmp_path)
