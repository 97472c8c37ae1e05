# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The shell command around its verbs."""

import errno
import os
import re
import subprocess
import sys

import pytest

from rtseg_ros.cli import VERBS, main

DESCRIBE = ['models', '--describe', 'swiftnet_mnv2_camvid']


@pytest.mark.process
@pytest.mark.parametrize('words', [DESCRIBE, ['--help'], ['train', '--help']])
@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_reader_that_has_enough_is_no_error(words, unbuffered):
    """As in ``rtseg models --describe swiftnet_mnv2_camvid | head -0``."""
    pytest.importorskip('torch', reason='train imports torch')
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.cli', *words], stdout=writer, stderr=subprocess.PIPE,
        env=os.environ | {'PYTHONUNBUFFERED': unbuffered}, text=True, timeout=120,
    )  # fmt: skip
    os.close(writer)
    assert result.stderr == ''
    assert result.returncode in (0, 141)  # argparse says nothing of its own help's failure


@pytest.mark.process
@pytest.mark.parametrize('words', [[*DESCRIBE, '--json', '/dev/stdout'], ['doctor', '--no-dds']])
def test_a_reader_that_has_enough_of_long_work_is_no_error(words):
    """The reader goes after the first line, as in ``rtseg doctor | head -1``."""
    command = f'{sys.executable} -m rtseg_ros.cli {" ".join(words)} | head -1'
    result = subprocess.run(
        ['bash', '-c', f'{command}; exit ${{PIPESTATUS[0]}}'], capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert result.stderr == ''
    assert result.returncode in (0, 1, 141)  # the doctor may have found something
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.process
def test_a_closed_pipe_that_is_not_the_output_is_named():
    """As in ``rtseg models --json >(true)``."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [*DESCRIBE, '--json', f'/dev/fd/{writer}']
    result = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.cli', *words], pass_fds=[writer], text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    os.close(writer)
    assert result.stderr == f"rtseg: '/dev/fd/{writer}': Broken pipe\n"
    assert result.returncode == 1


def test_help_names_every_verb(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['--help'])
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert all(f'  {verb} ' in said for verb in VERBS)


def test_an_unknown_verb_is_2(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['paint'])
    assert exit_.value.code == 2
    assert 'paint' in capsys.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        ['runs', 'nothing'],
        ['models'],
        ['convert', 'none.pth', '-o', 'none.onnx'],
        ['train', 'espnet', '--root', 'nothing', '-o', 'run'],
        ['evaluate', '--dataset', 'camvid', '--root', 'nothing'],
        ['evaluate', '--compare', 'a', 'b'],
        ['benchmark', 'espnet'],
        ['demo'],
        ['doctor'],
        ['soak'],
    ],
    ids=' '.join,
)
def test_json_that_cannot_be_written_is_refused_before_the_work(
    words, tmp_path, capsys, monkeypatch
):
    for needed in ('torch', 'rosbags', 'tqdm'):
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    monkeypatch.chdir(tmp_path)
    assert main([*words, '--json', 'nowhere/x.json']) == 1
    said = capsys.readouterr()
    assert "there is no folder 'nowhere'" in said.err
    assert said.out == ''
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'words',
    [
        ['train', 'espnet', '--root', 'nothing', '-o'],
        ['evaluate', '--dataset', 'camvid', '--root', 'nothing', '-o'],
        ['benchmark', 'espnet', '--output'],
        ['bag', '--images', 'nothing', '-o'],
        ['demo', '--output'],
    ],
    ids=' '.join,
)
def test_output_folder_that_cannot_be_made_is_refused_before_the_work(words, tmp_path, capsys):
    for needed in ('torch', 'rosbags', 'tqdm'):
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    (tmp_path / 'file').write_text('')
    assert main([*words, str(tmp_path / 'file' / 'out')]) == 1
    assert f"'{tmp_path / 'file'}' is a file" in capsys.readouterr().err


def test_an_error_of_the_system_is_one_line(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    assert main([*DESCRIBE, '--json', str(tmp_path / 'x.json')]) == 1
    said = capsys.readouterr().err
    assert said == f"rtseg models: '{tmp_path / 'x.json'}': No space left on device\n"


@pytest.mark.parametrize('verb', VERBS)
def test_help_says_a_default_where_there_is_one(verb, capsys):
    for needed in ('torch', 'rosbags', 'tqdm'):
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    with pytest.raises(SystemExit) as ended:
        main([verb, '--help'])
    assert ended.value.code == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert not re.search(r'default: (None|False|\[\]|\))', said)
    assert len(re.findall(r'\(default: ', said)) >= (0 if verb in ('models', 'runs') else 1)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--size', '640'], "it is '640'; give height x width in pixels, e.g. 480x640"),
        (['--size', '0x480'], "it is '0x480'"),
        (['--size-hw', '0', '480'], "it is '0'"),
    ],
)
def test_soak_says_what_its_options_accept(words, message, capsys):
    pytest.importorskip('tqdm', reason='rtseg soak shows its progress with tqdm')
    with pytest.raises(SystemExit) as exit_:
        main(['soak', *words])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_without_a_verb_the_verbs_are_shown(capsys):
    assert main([]) == 2
    said = capsys.readouterr().err
    assert all(f'  {verb} ' in said for verb in VERBS)
