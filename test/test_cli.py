"""The shell command around its verbs."""

import os
import subprocess
import sys

import pytest

from rtseg_ros.cli import VERBS, main


@pytest.mark.parametrize('words', [['models'], ['--help'], ['train', '--help']])
@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_reader_that_has_enough_is_no_error(words, unbuffered):
    """As in ``rtseg models | head -0``."""
    pytest.importorskip('torch', reason='the list of networks needs torch')
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, '-m', 'rtseg_ros.cli', *words], stdout=writer, stderr=subprocess.PIPE,
        env=os.environ | {'PYTHONUNBUFFERED': unbuffered}, text=True, timeout=120,
    )  # fmt: skip
    os.close(writer)
    assert result.stderr == ''
    assert result.returncode in (0, 141)  # argparse says nothing of its own help's failure


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
