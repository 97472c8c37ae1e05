# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Class mapping: the published Cityscapes to CamVid table, YAML, and what is refused."""

import numpy as np
import pytest

from rtseg_ros.errors import EvaluationError
from rtseg_ros.labels import CAMVID, CITYSCAPES, LabelSet
from rtseg_ros.labels.mapping import align

# From shared/data/README.md, in trainId order.
README = (
    'Road Pavement Building Building Fence Pole SignSymbol SignSymbol Tree Tree Sky Pedestrian '
    'Bicyclist Car Car Car Car Bicyclist Bicyclist'
).split()
TWO = LabelSet('two', ('free', 'blocked'), ((0, 255, 0), (255, 0, 0)))


def test_cityscapes_model_on_camvid_labels():
    alignment = align(CITYSCAPES, CAMVID)
    assert alignment.labels is CAMVID
    mapped = [CAMVID.names[i] for i in alignment.prediction_table[:19]]
    assert mapped == README
    assert (alignment.prediction_table[19:] == 255).all()
    assert alignment.truth_table[:12].tolist() == [*range(11), 255]


def test_camvid_model_on_cityscapes_labels_is_judged_in_camvid_classes():
    alignment = align(CAMVID, CITYSCAPES)
    assert alignment.labels is CAMVID
    assert [CAMVID.names[i] for i in alignment.truth_table[:19]] == README
    assert alignment.prediction_table[:11].tolist() == list(range(11))


def test_equal_names_in_another_order_need_no_file():
    turned = LabelSet('turned', ('blocked', 'free'), ((255, 0, 0), (0, 255, 0)))
    alignment = align(turned, TWO)
    assert alignment.labels is TWO
    assert alignment.prediction_table[:3].tolist() == [1, 0, 255]


def test_yaml_maps_and_leaves_the_rest_unlabelled(tmp_path):
    path = tmp_path / 'map.yaml'
    path.write_text('classes: {Road: free, Car: blocked, Pedestrian: blocked}')
    alignment = align(CAMVID, TWO, mapping=path)
    expected = np.full(256, 255)
    for name, k in (('Road', 0), ('Car', 1), ('Pedestrian', 1)):
        expected[CAMVID.names.index(name)] = k
    assert (alignment.prediction_table == expected).all()
    assert (align(TWO, CAMVID, mapping=path).truth_table == expected).all()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('classes: {Road: free, Moon: free}', 'unknown classes: Moon'),
        ('classes: {free: Road, Car: blocked}', 'wrong side'),
        ('classes: [Road]', "needs the key 'classes'"),
        ('classes: {Road: 3}', "'Road': 3"),
        ('classes: {', 'cannot be read'),
    ],
)
def test_wrong_yaml_says_what(tmp_path, text, message):
    path = tmp_path / 'map.yaml'
    path.write_text(text)
    with pytest.raises(EvaluationError, match=message) as raised:
        align(CAMVID, TWO, mapping=path)
    assert 'map.yaml' in str(raised.value)


def test_unrelated_sets_are_refused():
    with pytest.raises(EvaluationError, match='free, blocked'):
        align(CAMVID, TWO)
    with pytest.raises(EvaluationError, match='cannot be read'):
        align(CAMVID, TWO, mapping='nowhere.yaml')
