# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tags from paths and from tables."""

from pathlib import Path

import pytest

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.tags import read_tags

BAGS = [
    FoundBag('r1/mon/a', Path('/data/fleet/r1/mon/a')),
    FoundBag('r2/mon/a', Path('/data/fleet/r2/mon/a')),
    FoundBag('r2/b.mcap', Path('/data/fleet/r2/b.mcap')),
]


def test_a_template_is_held_against_the_end_of_the_path():
    tags = read_tags('fleet/{robot}/{day}/*', BAGS)
    assert tags['r1/mon/a'] == {'robot': 'r1', 'day': 'mon'}
    assert tags['r2/b.mcap'] == {'robot': '', 'day': ''}
    assert read_tags('/data/**/{robot}/*', BAGS)['r2/b.mcap'] == {'robot': 'r2'}


@pytest.mark.parametrize(
    ('template', 'message'),
    [
        ('fleet/*/*', 'name none'),
        ('garage/{robot}/*', 'fit no bag'),
        ('{a}/{a}/*', 'twice'),
    ],
)
def test_templates_that_say_nothing(template, message):
    with pytest.raises(EvaluationError, match=message):
        read_tags(template, BAGS)


def test_a_table(tmp_path):
    table = tmp_path / 'tags.csv'
    table.write_text('bag,light,place\nr1/mon/a,dusk,yard\nb.mcap,day,\nanother,night,x\n')
    tags = read_tags(str(table), BAGS)
    assert tags['r1/mon/a'] == {'light': 'dusk', 'place': 'yard'}
    assert tags['r2/b.mcap'] == {'light': 'day', 'place': ''}
    assert tags['r2/mon/a'] == {'light': '', 'place': ''}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('bag,light\na,dusk\n', "several bags have this name: 'r1/mon/a' and 'r2/mon/a'"),
        ('name,light\na,dusk\n', "need a column 'bag'"),
        ('bag\na\n', 'one for each tag'),
        ('bag,light\nother,dusk\n', 'name none of the bags'),
        ('', "need a column 'bag'"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, message):
    table = tmp_path / 'tags.csv'
    table.write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_tags(str(table), BAGS)


def test_a_missing_table_is_named():
    with pytest.raises(EvaluationError, match=r"'/nosuch\.csv' cannot be read"):
        read_tags('/nosuch.csv', BAGS)
