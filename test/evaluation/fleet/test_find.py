# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which bags a pattern means."""

import os

import pytest

from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.fleet.find import find_bags


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """Two recorded folders, a file alone, and what is no bag."""
    for folder in ('a/mon/run', 'b/mon/run'):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / 'metadata.yaml').touch()
        (tmp_path / folder / 'run_0.mcap').touch()
    (tmp_path / 'b' / 'alone.db3').touch()
    (tmp_path / 'b' / 'notes.txt').write_text('../a/mon/run\n\n# a comment\ngone.mcap\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('pattern', ['**', '.', '*/', './**/*', './*'])
def test_every_bag_once(fleet, pattern):
    assert [bag.name for bag in find_bags([pattern])] == ['a/mon/run', 'b/alone.db3', 'b/mon/run']


def test_patterns_add_up_and_names_differ(fleet):
    found = find_bags(['b/**', 'b/alone.db3', 'a/*/run'])
    assert [bag.name for bag in found] == ['a/mon/run', 'b/alone.db3', 'b/mon/run']
    assert all(bag.path.is_absolute() and bag.path.exists() for bag in found)


def test_a_file_of_a_recorded_folder_means_the_whole_bag(fleet):
    assert [bag.name for bag in find_bags(['**/*.mcap'])] == ['a/mon/run', 'b/mon/run']


def test_one_bag_has_its_own_name(fleet):
    assert [bag.name for bag in find_bags(['a'])] == ['run']
    assert [bag.name for bag in find_bags(['a/mon/run/metadata.yaml'])] == ['run']


def test_a_list_keeps_what_is_gone(fleet):
    assert [bag.name for bag in find_bags(['b/notes.txt'])] == ['a/mon/run', 'b/gone.mcap']


@pytest.mark.parametrize('pattern', ['nosuch', 'c/**', '*.mcap', 'a/mon/nosuch*'])
def test_a_pattern_that_means_nothing_is_named(fleet, pattern):
    with pytest.raises(EvaluationError, match='no bag matches'):
        find_bags(['**', pattern])


def test_an_unreadable_folder_is_named(fleet, monkeypatch):
    def refused(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(os, 'scandir', refused)
    with pytest.raises(EvaluationError, match="folder '.*' cannot be read: Permission denied"):
        find_bags(['b'])
