# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What several verbs take is called alike and means the same."""

import argparse
import importlib

import pytest

from rtseg_ros.argument_types import output_file
from rtseg_ros.cli import VERBS


def options(verb: str) -> dict[str, argparse.Action]:
    """The options of a verb by their long names."""
    parser = argparse.ArgumentParser()  # has -h
    importlib.import_module(f'rtseg_ros.commands.{verb}').add_arguments(parser)
    named = (action for action in parser._actions if action.option_strings)
    return {action.option_strings[-1]: action for action in named}


@pytest.mark.parametrize('verb', VERBS)
def test_every_verb_writes_its_figures_for_machines(verb):
    option = options(verb)['--json']
    assert option.type is output_file
    assert option.metavar == 'FILE'
    assert not option.required


@pytest.mark.parametrize('verb', VERBS)
def test_what_is_written_goes_where_o_says(verb):
    option = options(verb).get('--output')
    if verb in ('models', 'runs', 'soak', 'doctor'):  # print, and write only what is named
        assert option is None
    else:
        assert option is not None
        assert option.option_strings == ['-o', '--output']


@pytest.mark.parametrize('verb', ['segment', 'evaluate', 'bag', 'demo', 'models'])
def test_a_verb_that_goes_through_frames_can_stop_early(verb):
    option = options(verb)['--limit']
    assert option.type('3') == 3
    with pytest.raises(argparse.ArgumentTypeError):
        option.type('-1')
    if verb != 'models':  # a field is an average over some images, never over all
        assert option.default == 0
        assert option.help == 'stop after so many frames; 0: none'


def test_no_short_name_has_two_meanings():
    meanings: dict[str, set[str]] = {}
    for verb in VERBS:
        for action in options(verb).values():
            for name in action.option_strings:
                if not name.startswith('--'):
                    meanings.setdefault(name, set()).add(action.option_strings[-1])
    assert meanings == {'-h': {'--help'}, '-o': {'--output'}}
