# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ranges and names are checked where options and parameters are declared, for all alike."""

import argparse
from dataclasses import fields
import importlib
import math
from pathlib import Path

import pytest

from rtseg_ros.argument_types import (
    add_size,
    namespace,
    output_file,
    output_folder,
    size_hw,
    topic_name,
    within,
)
from rtseg_ros.cli import VERBS, main
from rtseg_ros.errors import SettingError


def options(verb):
    """The options of a verb, by their names in the namespace of the parser."""
    for needed in ('torch', 'rosbags', 'tqdm'):
        pytest.importorskip(needed, reason=f'{needed} is not installed')
    parser = argparse.ArgumentParser()
    importlib.import_module(f'rtseg_ros.commands.{verb}').add_arguments(parser)
    return {action.dest: action for action in parser._actions}


def refuses(kind, text):
    try:
        kind(text)
    except (argparse.ArgumentTypeError, SettingError):
        return True
    return False


@pytest.mark.parametrize('verb', VERBS)
def test_every_number_of_a_verb_has_a_range(verb):
    """And what is no number at all, or none that can be counted with, is refused."""
    for name, option in options(verb).items():
        if option.choices:
            continue
        assert option.type not in (int, float), f'{verb} {name}: any number is accepted'
        sample = option.default
        sample = sample[0] if isinstance(sample, (list, tuple)) and sample else sample
        if isinstance(sample, (int, float)) and not isinstance(sample, bool):
            for text in ('nan', 'inf', '-inf', '1e300', '-9000000', 'five', ''):
                assert refuses(option.type, text), f'{verb} {name} accepts {text!r}'


@pytest.mark.parametrize('verb', VERBS)
def test_every_topic_and_output_of_a_verb_is_checked(verb, tmp_path):
    (tmp_path / 'file').write_text('')
    for name, option in options(verb).items():
        if name.endswith('topic') or name == 'camera':
            for text in ('image', '/a b', '/1st', '/cam-front/x', '/a//b'):
                assert refuses(option.type, text), f'{verb} {name} accepts {text!r}'
        # These two look at it themselves: a file of some kinds, or a folder.
        itself = name == 'output' and verb in ('convert', 'segment')
        if name in ('json', 'output', 'keep', 'sheet') and not itself:
            below = str(tmp_path / 'file' / 'x.onnx')
            assert refuses(option.type, below), f'{verb} {name}: below a file'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('bag --images x -o y --start -5', "--start: it is '-5'; accepted: a number from 0 to"),
        ('bag --images x -o y --rate nan', "--rate: it is 'nan'; accepted: a number from 0 to"),
        ('bag --images x -o y --rate inf', "--rate: it is 'inf'"),
        ('bag --images x -o y --limit -1', "--limit: it is '-1'; accepted: a whole number from 0"),
        ('bag --images x -o y --camera front', "--camera: 'front' is not the name of a topic"),
        ('evaluate --bag x --patience -1', "--patience: it is '-1'; accepted: a number from 0.1"),
        ('evaluate --bag x --limit 1.5', "--limit: it is '1.5'; accepted: a whole number"),
        ('evaluate --bag x --image-topic /a/b.c', "--image-topic: '/a/b.c' is not the name"),
        ('train espnet --root x -o y --epochs 0', "--epochs: it is '0'"),
        ('train espnet --root x -o y --learning-rate nan', "--learning-rate: it is 'nan'"),
        ('train espnet --root x -o y --crop-hw 0 4', "--crop-hw: it is '0'"),
        ('benchmark --classes 256', "--classes: it is '256'; accepted: a whole number from 1"),
        ('benchmark --seconds -1', "--seconds: it is '-1'"),
        ('demo --rate -3', "--rate: it is '-3'"),
        ('demo --topic camera', "--topic: 'camera' is not the name of a topic"),
        ('models --size-hw -1 5', "--size-hw: it is '-1'"),
        ('convert x --size-hw -4 5', "--size-hw: it is '-4'"),
        ('soak --minutes nan', "--minutes: it is 'nan'; accepted: a number from 0.1"),
        ('soak --overload 0', "--overload: it is '0'; accepted: a number from 0.01"),
    ],
)
def test_impossible_values_are_wrong_usage(words, message, capsys, tmp_path, monkeypatch):
    options(words.split()[0])  # or skips
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(words.split())
    assert exit_.value.code == 2
    assert f'error: argument {message}' in capsys.readouterr().err.replace('-o/--output', '')
    assert list(tmp_path.iterdir()) == []


def test_every_parameter_of_a_node_is_checked():
    pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')
    pytest.importorskip('rosbags', reason='rosbags is not installed')
    from rtseg_ros.conversion.settings import ConversionSettings
    from rtseg_ros.nodes.bag_player import PlayerParameters
    from rtseg_ros.nodes.evaluation_node import EvaluationParameters
    from rtseg_ros.nodes.parameters import SegmentationParameters, VideoParameters
    from rtseg_ros.runtime.openvino.options import OpenVinoOptions
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    by_itself = ('roi', 'output')  # roi: geometry() checks it; output: the converter's, convert()
    for kind in (
        ConversionSettings, PlayerParameters, EvaluationParameters, SegmentationParameters,
        VideoParameters, OpenVinoOptions, TensorRtOptions,
    ):  # fmt: skip
        for item in fields(kind):
            sample = item.default[0] if isinstance(item.default, tuple) else item.default
            number = isinstance(sample, (int, float)) and not isinstance(sample, bool)
            named = item.name.endswith('topic') or item.name == 'output'
            accepted = item.metadata
            if item.name not in by_itself or kind is EvaluationParameters:
                assert not number or accepted['range'] or accepted['choices'], item.name
                assert not named or accepted['accepts'], item.name
            if accepted['range']:
                assert all(map(math.isfinite, accepted['range'])), item.name


@pytest.mark.parametrize('text', ['', '/a', '/a/b_2', '/_x'])
def test_topic_names(text):
    assert topic_name(text) == text == namespace(text)


@pytest.mark.parametrize('text', ['a', '/', '/a/', '/a b', '/2', '/ä', '/a\n'])
def test_what_is_no_topic_name(text):
    assert refuses(topic_name, text)
    assert refuses(namespace, text) or text == '/'


@pytest.mark.parametrize(
    ('words', 'sizes'),
    [
        ([], None),
        (['--size-hw', '480', '640'], [(480, 640)]),
        (['--size', '480x640'], [(480, 640)]),
        (['--size-hw', '1', '2', '--size-hw', '3', '4'], [(1, 2), (3, 4)]),
        (['--size', '1x2', '3x4', '--size-hw', '5', '6'], [(1, 2), (3, 4), (5, 6)]),
    ],
)
def test_every_spelling_of_a_size_has_the_height_first(words, sizes):
    parser = argparse.ArgumentParser()
    add_size(parser, 'of the frames')
    found = parser.parse_args(words).size_hw
    assert (found and [tuple(size) for size in found]) == sizes


@pytest.mark.parametrize('text', ['640', '0x480', '480x', 'x', '4.5x6', '-1x2', '1x2x3', 'nanx2'])
def test_what_is_no_size(text):
    assert refuses(size_hw, text)


def test_numbers_keep_their_type():
    assert within(int, 0, 3)('3') == 3
    assert isinstance(within(float, 0, 3)('3'), float)


def test_outputs_change_nothing(tmp_path):
    assert output_file(str(tmp_path / 'x.json')) == tmp_path / 'x.json'
    assert output_folder(str(tmp_path / 'a' / 'b')) == tmp_path / 'a' / 'b'
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingError, match='is a folder'):
        output_file(str(tmp_path))
    Path(tmp_path / 'f').write_text('')
    with pytest.raises(SettingError, match='is a file'):
        output_folder(str(tmp_path / 'f'))
