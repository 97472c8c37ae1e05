# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Facts of a model file as lines, whatever its accuracy and extra hold."""

import pytest

from rtseg_ros.runtime.describe import describe
from rtseg_ros.runtime.description import description_lines, plain


def row(lines, key):
    return next(line[16:] for line in lines if line.startswith(f'{key} '))


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (1.4028185759261336, '1.403'),
        (0.00018024444580078125, '0.0001802'),
        (3456000, '3,456,000'),
        (True, 'yes'),
        ([], 'none'),
        (None, 'none'),
        ({'a': 1.0, 'b': [2.5, 3]}, 'a 1, b 2.5, 3'),
        (['one thing, said', 'another'], 'one thing, said; another'),
    ],
)
def test_plain(value, text):
    assert plain(value) == text


def test_a_model_without_figures(tiny_model):
    lines = description_lines(describe(tiny_model))
    assert row(lines, 'accuracy') == 'not measured'
    assert row(lines, 'licence') == 'not stated in the file'
    assert row(lines, 'confidence') == 'not calibrated (temperature 1)'
    assert row(lines, 'input size') == '64x48 (width x height)'
    assert lines[-4:] == [
        '    0  #282828  dark', '    1  #0000ff  blue', '    2  #00ff00  green',
        '    3  #ff0000  red',
    ]  # fmt: skip


def test_licence_is_found_where_it_is(tiny_model):
    facts = describe(tiny_model)
    for change in (
        {'licence': 'MIT'},
        {'extra': {'licence': 'MIT'}},
        {'extra': {'import': {'licence': 'MIT'}}},
    ):
        assert row(description_lines(facts | change), 'licence') == 'MIT'


def test_figures_of_accuracy_and_parity(tiny_model):
    facts = describe(tiny_model) | {
        'accuracy': {'data': 'x/val', 'miou': 0.70842, 'iou': {'blue': 0.5, 'red': None}},
        'extra': {
            'parity': {
                'passed': False, 'frames': 2, 'source': 'x/val', 'pixels': 2000,
                'different_pixels': 1, 'failed': ['red'],
            },
        },
    }  # fmt: skip
    lines = description_lines(facts)
    assert row(lines, 'accuracy') == 'mIoU 70.8% on x/val'
    assert row(lines, 'parity') == (
        '1 of 2,000 pixels differ (0.05%) from the original, 2 frames of x/val; NOT passed, '
        'failed: red'
    )
    assert '    1  #0000ff  blue   IoU 50.0%' in lines
    assert lines[-1] == '    3  #ff0000  red'


def test_what_others_write_does_not_break_it(tiny_model):
    facts = describe(tiny_model)
    odd = {'accuracy': {'miou': 'good', 'iou': [1]}, 'extra': {'parity': 'yes', 'more': [[1.5]]}}
    lines = description_lines(facts | odd)
    assert 'miou' not in row(lines, 'accuracy')
    assert row(lines, 'more') == '1.5'


def test_patches_of_colour(tiny_model):
    lines = description_lines(describe(tiny_model), paint=True)
    assert '\033[48;2;255;0;0m' in lines[-1]
