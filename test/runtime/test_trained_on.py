# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a file says of the frames that trained a model."""

import base64
import hashlib

import pytest

from rtseg_ros.runtime.trained_on import (
    TrainedOn,
    frame_hashes,
    joined_licences,
    known_frames,
    trained_on,
    trained_on_from_dict,
)


@pytest.fixture
def frames(tmp_path):
    """Return five files of two drives."""
    paths = [tmp_path / f'{name}.png' for name in ('A1_0', 'A1_1', 'A1_2', 'B2_0', 'B2_1')]
    for path in paths:
        path.write_bytes(path.stem.encode())
    return paths


def test_drives_are_counted_and_frames_are_known_by_their_content(frames):
    record = trained_on('d/train', frames[:4], licence='MIT')
    assert record.drives == {'A1': 3, 'B2': 1}
    assert record.text() == 'd/train (A1 3, B2 1)'
    assert len(base64.b64decode(record.frames)) == 4 * 6
    assert hashlib.sha256(b'A1_0').digest()[:6] in known_frames([record])

    renamed = frames[0].rename(frames[0].with_name('other.png'))
    assert known_frames([record]) & frame_hashes([renamed, frames[4]]) == frame_hashes([renamed])


def test_names_that_count_are_no_drives(tmp_path):
    paths = [tmp_path / f'{i}_left.png' for i in range(101)]
    for path in paths:
        path.write_bytes(b'')
    assert trained_on('d', paths).drives == {}
    assert len(trained_on('d', paths[:100]).drives) == 100


def test_what_is_written_is_read(frames):
    record = trained_on('d/train', frames, licence='MIT')
    assert trained_on_from_dict(record.to_dict()) == record
    for broken, why in (('?', 'base64|padding'), ('AAAA', '3 bytes of frame hashes')):
        with pytest.raises(ValueError, match=why):
            trained_on_from_dict({**record.to_dict(), 'frames': broken})


def test_every_licence_is_named_once():
    records = [TrainedOn('a', 'X'), TrainedOn('b'), TrainedOn('c', 'Y'), TrainedOn('d', 'X')]
    assert joined_licences(records) == 'X; Y'
