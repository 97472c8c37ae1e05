# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a bag counts as changed."""

import os

import pytest

from rtseg_ros.errors import BagError
from rtseg_ros.evaluation.fleet.key import content_key

MIB = 1 << 20


@pytest.fixture
def bag(tmp_path):
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'run_0.mcap').write_bytes(bytes(3 * MIB))
    (tmp_path / 'bag' / 'metadata.yaml').write_text('x')
    return tmp_path / 'bag'


def poke(file, offset):
    with file.open('r+b') as stream:
        stream.seek(offset)
        stream.write(b'!')


@pytest.mark.parametrize('offset', [0, MIB - 1, 2 * MIB, 3 * MIB - 1])
def test_the_ends_of_files_are_looked_at(bag, offset):
    before = content_key(bag)
    assert content_key(bag) == before
    poke(bag / 'run_0.mcap', offset)
    assert content_key(bag) != before


def test_the_middle_only_if_asked(bag):
    ends, whole = content_key(bag), content_key(bag, whole=True)
    poke(bag / 'run_0.mcap', 3 * MIB // 2)
    assert content_key(bag) == ends
    assert content_key(bag, whole=True) != whole


def test_names_sizes_and_files_count(bag):
    keys = [content_key(bag)]
    (bag / 'run_0.mcap').rename(bag / 'run_1.mcap')
    keys.append(content_key(bag))
    (bag / 'run_2.mcap').touch()
    keys.append(content_key(bag))
    assert len(set(keys)) == 3


def test_what_is_no_bag_is_named_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mcap')
    for name in ('nosuch', 'pipe.mcap'):
        with pytest.raises(BagError, match=f"{name}' is neither a file nor a folder"):
            content_key(tmp_path / name)
