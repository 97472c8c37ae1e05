# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Palettes: the data set's own colours, and others that are far apart on any street."""

import numpy as np
import pytest

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels import CAMVID, CITYSCAPES, LabelSet
from rtseg_ros.labels.color_difference import ciede2000, lab_from_bgr
from rtseg_ros.labels.palettes import DISTINCT, closest, palette_bgr

GRAYS = np.repeat(np.arange(0, 256, 51)[:, None], 3, 1)
# Asphalt, brick, leaves, sky and sunlit walls, BGR.
STREET = np.array([(90, 95, 100), (60, 80, 130), (50, 90, 60), (230, 200, 160), (150, 190, 205)])


def of(labels: LabelSet, palette: str) -> np.ndarray:
    """The colours of the classes."""
    return palette_bgr(labels, palette)[: labels.num_classes]


@pytest.mark.parametrize('labels', [CAMVID, CITYSCAPES], ids=lambda labels: labels.name)
def test_the_data_sets_colours_are_the_standard(labels):
    np.testing.assert_array_equal(palette_bgr(labels), labels.palette_bgr())


@pytest.mark.parametrize(('vision', 'least'), [('normal', 10), ('protan', 6), ('deutan', 6)])
@pytest.mark.parametrize('labels', [CAMVID, CITYSCAPES], ids=lambda labels: labels.name)
def test_distinct_colours_are_apart_over_every_part_of_a_street(labels, vision, least):
    colors = palette_bgr(labels, 'distinct')[: labels.num_classes + 1]  # and no class
    for pixel in (*GRAYS, *STREET):
        assert closest(colors, pixel[None], vision=vision)[0] >= least


def test_the_closest_two_by_hand():
    """Black and the darkest gray are closer than either is to white."""
    colors = np.array([(255, 255, 255), (0, 0, 0), (20, 20, 20)])
    differences, pair = closest(colors, np.array([(0, 0, 0), (255, 255, 255)]), alpha=1.0)
    assert pair == (1, 2)
    expected = ciede2000(lab_from_bgr(colors[1]), lab_from_bgr(colors[2]))
    np.testing.assert_allclose(differences, [expected, expected])


def test_every_class_gets_another_colour_and_the_nearest_that_is_free():
    labels = LabelSet('two', ('grass', 'leaves'), ((0, 159, 64), (0, 160, 66)))
    grass, leaves = of(labels, 'distinct')[:, ::-1].tolist()
    assert grass == [0, 159, 64]  # one of them
    assert leaves != grass
    assert tuple(leaves) in DISTINCT
    assert not palette_bgr(labels, 'distinct')[2:].any()


def test_more_classes_than_colours_are_refused():
    names = tuple(f'class {index}' for index in range(20))
    labels = LabelSet('twenty', names, ((1, 2, 3),) * 20)
    with pytest.raises(
        LabelSetError, match="19 colours and twenty has 20 classes; take 'dataset'"
    ):
        palette_bgr(labels, 'distinct')
    np.testing.assert_array_equal(palette_bgr(labels), labels.palette_bgr())
