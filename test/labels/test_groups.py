# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Class groups: by hand, and every mistake by its line."""

import numpy as np
import pytest

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.groups import class_groups_from_yaml, load_class_groups

GOOD = """groups:
  - name: drive
    classes: [Road]
    color: [0, 255, 0]
  - name: obstacle
    classes: [Car, Pedestrian, Bicyclist]
  - name: other
    classes: rest
unlabelled: [Sky, Pole]
"""


def test_table_by_hand():
    """CamVid: Sky 0, Building 1, Pole 2, Road 3, ..., Car 8, Pedestrian 9, Bicyclist 10."""
    groups = class_groups_from_yaml(GOOD, source='g.yaml')
    table = groups.table(CAMVID, unlabelled_id=200)
    assert table[:12].tolist() == [200, 2, 200, 0, 2, 2, 2, 2, 1, 1, 1, 200]
    assert table.dtype == np.uint8
    assert groups.used_ids(CAMVID) == {0, 1, 2}


def test_colours_come_from_the_file_or_the_first_member():
    labels = class_groups_from_yaml(GOOD, source='g.yaml').label_set(CAMVID)
    assert labels.names == ('drive', 'obstacle', 'other')
    assert labels.colors == ((0, 255, 0), CAMVID.colors[8], CAMVID.colors[1])


@pytest.mark.parametrize(
    ('old', 'new', 'line', 'words'),
    [
        ('[Road]', '[Raod]', 2, "no class 'Raod'; it has Sky"),
        ('[Sky, Pole]', '[Sky, Pol]', 9, "no class 'Pol'"),
        ('[Sky, Pole]', '[Sky, Car]', 9, "'Car' is in 'obstacle' and in 'unlabelled'"),
        ('classes: rest', 'classes: [Fence]', 1, 'no group names Building, Pavement, Tree'),
        ('[Road]', 'rest', 2, 'only one group'),
        ('[Road]', '5', 3, 'list of names'),
        ('[0, 255, 0]', 'green', 4, 'color must be'),
        ('color:', 'colour:', 4, "unknown key 'colour'"),
        ('name: obstacle', 'name: drive', 2, 'given twice'),
        ('unlabelled:', 'dropped:', 9, "unknown key 'dropped'"),
        ('groups:', 'group:', 2, "unknown key 'group'"),
    ],
)
def test_mistakes_name_their_line(old, new, line, words):
    with pytest.raises(LabelSetError, match=f'^g.yaml:{line}: .*{words}'):
        class_groups_from_yaml(GOOD.replace(old, new), source='g.yaml').label_set(CAMVID)


def test_missing_file(tmp_path):
    with pytest.raises(LabelSetError, match='cannot be read'):
        load_class_groups(tmp_path / 'none.yaml')
