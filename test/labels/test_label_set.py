"""Label sets: the published tables, and YAML files whose mistakes are found by line."""

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
