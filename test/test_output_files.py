"""What is written in one step, and what is refused before the work."""

import errno
import os

import pytest

from rtseg_ros.errors import SettingError
from rtseg_ros.output_files import check_output_file, check_output_folder, replace_files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_all_or_nothing(tmp_path):
    old, new = tmp_path / 'old', tmp_path / 'new'
    old.write_bytes(b'1')
    replace_files({new: b'2', old: b'3'})
    assert (old.read_bytes(), new.read_bytes()) == (b'3', b'2')
    nowhere = tmp_path / 'nowhere' / 'c'
    with pytest.raises(FileNotFoundError) as failure:
        replace_files({old: b'4', nowhere: b'5'})
    assert failure.value.filename == str(nowhere)
    assert old.read_bytes() == b'3'
    assert names(tmp_path) == ['new', 'old']


def test_content_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda file: (steps.append('fsync'), fsync(file)))
    monkeypatch.setattr(os, 'replace', lambda a, b: (steps.append(b.name), replace(a, b)))
    replace_files({tmp_path / 'a': b'1', tmp_path / 'b': b'2'})
    assert steps == ['fsync', 'fsync', 'a', 'b']


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left') as failure:
        replace_files({tmp_path / 'a': b'1'})
    assert failure.value.filename == str(tmp_path / 'a')
    assert names(tmp_path) == []


def test_files_that_can_be_written(tmp_path):
    (tmp_path / 'there').write_text('')
    for path in (None, '', tmp_path / 'there', str(tmp_path / 'new.json'), '/dev/null'):
        check_output_file(path)
    assert names(tmp_path) == ['there']


def test_files_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / 'there').write_text('')
    with pytest.raises(SettingError, match="no folder '.*/nowhere'"):
        check_output_file(tmp_path / 'nowhere' / 'x.json')
    with pytest.raises(SettingError, match='is a folder'):
        check_output_file(tmp_path)
    monkeypatch.setattr(os, 'access', lambda *_: False)  # tests may run as root
    for name in ('there', 'new'):
        with pytest.raises(SettingError, match='not writable'):
            check_output_file(tmp_path / name)


def test_folders(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    check_output_folder(tmp_path)
    check_output_folder(tmp_path / 'a' / 'b')
    assert names(tmp_path) == ['file']
    for path in ('file', 'file/a/b'):
        with pytest.raises(SettingError, match="'.*/file' is a file"):
            check_output_folder(tmp_path / path)
    monkeypatch.setattr(os, 'access', lambda *_: False)
    with pytest.raises(SettingError, match=f"'{tmp_path}' is not writable"):
        check_output_folder(tmp_path / 'a' / 'b')
