# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Label sets: the published tables, files and plain data whose mistakes are found by place."""

import numpy as np
import pytest

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels import (
    CAMVID,
    CITYSCAPES,
    cityscapes_train_ids_from_ids,
    label_set_from_dict,
    label_set_from_yaml,
    load_label_set,
)

GOOD = """name: yard
ignore_id: 9
classes:
  - name: grass
    color: [0, 255, 0]
  - name: stone
    color: [90, 90, 90]
"""


def test_published_tables():
    """Spot checks against the data sets' own documents."""
    assert CAMVID.num_classes == 11
    assert CAMVID.names[3] == 'Road'
    assert CITYSCAPES.num_classes == 19
    assert CITYSCAPES.colors[CITYSCAPES.names.index('car')] == (0, 0, 142)
    assert len(set(CITYSCAPES.categories)) == 7


def test_cityscapes_ids():
    """Road 7 is 0, bicycle 33 is 18, caravan 29 and unlabeled 0 are not evaluated."""
    ids = np.array([[7, 33, 29, 0, 255]], np.uint8)
    assert cityscapes_train_ids_from_ids(ids).tolist() == [[0, 18, 255, 255, 255]]


def test_palette_is_bgr_and_black_beyond_the_classes():
    palette = label_set_from_yaml(GOOD, source='yard.yaml').palette_bgr()
    assert palette.shape == (256, 3)
    assert palette[0].tolist() == [0, 255, 0]
    assert not palette[2:].any()
    assert CAMVID.palette_bgr()[1].tolist() == [0, 0, 128]


def test_there_and_back():
    for labels in (CAMVID, CITYSCAPES):
        assert label_set_from_dict(labels.to_dict(), source='x') == labels


def test_plain_data_become_no_yaml_on_the_way(monkeypatch):
    """Through YAML text it took half of the time of reading a model."""
    monkeypatch.setattr('yaml.compose', None)
    monkeypatch.setattr('yaml.safe_dump', None)
    assert label_set_from_dict(CITYSCAPES.to_dict(), source='x') == CITYSCAPES


STONE = {'name': 'stone', 'color': [90, 90, 90]}


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'classes': [STONE, {'name': 'sky'}]}, r"classes\[1\]: a class needs the key 'color'"),
        ({'classes': [STONE, STONE]}, r"classes\[1\].name: class name 'stone' is given twice"),
        ({'classes': [STONE | {'name': 5}]}, r'classes\[0\].name: class name must be text, got 5'),
        (
            {'classes': [STONE | {'color': [1, 2, 300]}]},
            r'classes\[0\].color: .* got \[1, 2, 300\]',
        ),
        ({'classes': [STONE | {'color': [True, 2, 3]}]}, r'classes\[0\].color: color must be'),
        ({'classes': [STONE | {'color': None}]}, r'classes\[0\].color: .* got None'),
        ({'classes': ['stone']}, r"classes\[0\]: a class must be a mapping .* got 'stone'"),
        ({'classes': {'stone': 1}}, r"classes: 'classes' must be a list"),
        ({'classes': []}, r"classes: 'classes' must be a list"),
        ({'ignore_id': 0}, 'ignore_id: yard: ignore_id 0 must lie in 1..255'),
        ({'ignore_id': 2.0}, 'ignore_id: ignore_id must be a number, got 2.0'),
        ({'ignore_id': True}, 'ignore_id: ignore_id must be a number, got True'),
    ],
)
def test_mistakes_in_plain_data_name_their_place(change, words):
    data = {'name': 'yard', 'ignore_id': 9, 'classes': [STONE]}
    assert label_set_from_dict(data, source='x').names == ('stone',)
    with pytest.raises(LabelSetError, match=f'^x: {words}'):
        label_set_from_dict(data | change, source='x')


@pytest.mark.parametrize(
    ('data', 'words'),
    [({}, "key 'classes' is missing"), ('text', 'must be a mapping'), (None, 'must be a mapping')],
)
def test_other_data(data, words):
    with pytest.raises(LabelSetError, match=f'^x: .*{words}'):
        label_set_from_dict(data, source='x')


def test_categories_are_for_all_or_none():
    data = {'name': 'yard', 'classes': [STONE | {'category': 'flat'}]}
    assert label_set_from_dict(data, source='x').categories == ('flat',)
    data['classes'].append({'name': 'sky', 'color': (0, 0, 1)})
    with pytest.raises(LabelSetError, match="^x: classes: give 'category' for every class"):
        label_set_from_dict(data, source='x')


def test_file_and_built_in(tmp_path):
    path = tmp_path / 'yard.yaml'
    path.write_text(GOOD)
    labels = load_label_set(path)
    assert (labels.name, labels.names, labels.ignore_id) == ('yard', ('grass', 'stone'), 9)
    assert load_label_set('camvid') is CAMVID
    with pytest.raises(LabelSetError, match='neither built in'):
        load_label_set(tmp_path / 'missing.yaml')


@pytest.mark.parametrize(
    ('old', 'new', 'line', 'words'),
    [
        ('[90, 90, 90]', '[90, 90]', 7, r'\[r, g, b\]'),
        ('[90, 90, 90]', '[90, 90, 256]', 7, '0..255'),
        ('name: stone', 'name: grass', 6, 'given twice'),
        ('name: stone', 'title: stone', 6, "needs the key 'name'"),
        ('name: stone', 'name: 5', 6, 'must be text'),
        ('ignore_id: 9', 'ignore_id: 1', 2, 'ignore_id 1 must lie in 2..255'),
        ('ignore_id: 9', 'ignore_id: many', 2, 'must be a number'),
        ('classes:', 'klasses:', 1, "'classes' is missing"),
        ('[0, 255, 0]', '[0, 255, 0', 6, 'not valid YAML'),
    ],
)
def test_mistakes_name_their_line(old, new, line, words):
    with pytest.raises(LabelSetError, match=f'^yard.yaml:{line}: .*{words}'):
        label_set_from_yaml(GOOD.replace(old, new), source='yard.yaml')


@pytest.mark.parametrize(('text', 'words'), [('', 'empty'), ('- a', 'mapping')])
def test_other_documents(text, words):
    with pytest.raises(LabelSetError, match=f'yard.yaml:1: .*{words}'):
        label_set_from_yaml(text, source='yard.yaml')


def test_code_in_yaml_is_not_run():
    with pytest.raises(LabelSetError, match='^x:1: cannot be read'):
        label_set_from_yaml(
            GOOD.replace('name: yard', 'name: !!python/object/apply:os.getcwd []'), source='x'
        )


@pytest.mark.parametrize('value', ['!!python/object/apply:os.getcwd []', '2001-99-99', '{[a]: b}'])
def test_what_cannot_be_read_names_its_line(value):
    with pytest.raises(LabelSetError, match='^x:6: cannot be read'):
        label_set_from_yaml(GOOD.replace('name: stone', f'name: {value}'), source='x')
