# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is written in one step, and what is refused before the work."""

import errno
import json
import os
import subprocess
import sys

import pytest

from rtseg_ros.errors import SettingError
from rtseg_ros.output_files import (
    check_output_file,
    check_output_folder,
    replace_files,
    write_json,
)


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


def test_json_is_written_whole(tmp_path):
    path = tmp_path / 'a.json'
    write_json(path, {'miou': 0.5, 'name': 'Stra\u00dfe'})
    assert path.read_text(encoding='utf-8') == '{\n  "miou": 0.5,\n  "name": "Stra\\u00dfe"\n}\n'
    write_json(str(path), [1])
    assert json.loads(path.read_text()) == [1]
    write_json(None, [2])
    write_json('', [2])
    assert names(tmp_path) == ['a.json']


def test_json_that_fails_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.json'
    write_json(path, [1])
    with pytest.raises(TypeError):  # found after the first half was text already
        write_json(path, {'long': list(range(1000)), 'not json': object()})

    class HalfFull:
        """A file on a disk that has room for half."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            self.file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, 'No space left on device')

    opened = type(path).open
    monkeypatch.setattr(type(path), 'open', lambda self, mode: HalfFull(opened(self, mode)))
    with pytest.raises(OSError, match='No space left') as failure:
        write_json(path, list(range(1000)))
    monkeypatch.undo()
    assert failure.value.filename == str(path)
    assert json.loads(path.read_text()) == [1]
    assert names(tmp_path) == ['a.json']


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'folder').mkdir()
    target, link = tmp_path / 'folder' / 'real.json', tmp_path / 'link.json'
    target.write_text('old')
    link.symlink_to(target)
    write_json(link, [1])
    assert link.is_symlink()
    assert json.loads(target.read_text()) == [1]


def test_a_named_pipe_stays_one(tmp_path):
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    check_output_file(pipe)
    write_json(pipe, [1])
    assert json.loads(os.read(reader, 100)) == [1]
    os.close(reader)
    assert pipe.is_fifo()
    assert names(tmp_path) == ['pipe']


@pytest.mark.process
@pytest.mark.parametrize('name', ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])
@pytest.mark.parametrize('kind', ['pipe', 'file'])
def test_the_output_gets_json_between_what_is_printed(name, kind, tmp_path):
    """A redirected output is a file, but replaced it would lose what was printed before."""
    code = (
        'from rtseg_ros.output_files import check_output_file, write_json\n'
        f'print("before"); check_output_file({name!r}); write_json({name!r}, [1]); print("after")'
    )
    out = tmp_path / 'out'
    with out.open('wb') as file:
        result = subprocess.run(
            [sys.executable, '-c', code], check=True, timeout=60,
            stdout=file if kind == 'file' else subprocess.PIPE,
        )  # fmt: skip
    said = out.read_bytes() if kind == 'file' else result.stdout
    assert said.decode() == 'before\n[\n  1\n]\nafter\n'
    assert names(tmp_path) == ['out']


def test_a_file_in_a_folder_that_is_not_writable_is_refused(tmp_path, monkeypatch):
    """It would be replaced, which its folder must allow."""
    path = tmp_path / 'a.json'
    path.write_text('old')
    access = os.access
    monkeypatch.setattr(
        os, 'access', lambda p, mode: os.fspath(p) != str(tmp_path) and access(p, mode)
    )
    with pytest.raises(SettingError, match=f"the folder '{tmp_path}' is not writable"):
        check_output_file(path)
