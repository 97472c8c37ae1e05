# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""docs/conversion.md says what the code does."""

from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip('torch', reason='the converter needs torch')
pytest.importorskip('onnx', reason='the converter needs onnx')

from rtseg_ros.conversion.checkpoints.choosing import CONTAINERS
from rtseg_ros.conversion.checkpoints.keys import PREFIXES
from rtseg_ros.conversion.parity import TOLERANCES
from rtseg_ros.conversion.presets import PRESETS
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.networks import list_networks

DOCS = (Path(__file__).parents[2] / 'docs' / 'conversion.md').read_text(encoding='utf-8')


def test_every_parameter_has_its_default():
    for item in fields(ConversionSettings):
        value = list(item.default) if isinstance(item.default, tuple) else item.default
        shown = str(value).lower() if isinstance(value, bool) else str(value) or "''"
        description = item.metadata['description']
        assert f'| `{item.name}` | `{shown}` | {description}' in DOCS, item.name


def test_every_preset_has_its_numbers():
    for name, preset in PRESETS.items():
        cells = (
            ' '.join(f'{value:g}' for value in triple) for triple in (preset.mean, preset.std)
        )
        assert f'| `{name}` | {preset.channel_order} | {" | ".join(cells)} |' in DOCS, name


def test_containers_prefixes_and_tolerances():
    for name in (*CONTAINERS, *PREFIXES):
        assert f'`{name}`' in DOCS, name
    for precision, tolerance in TOLERANCES.items():
        row = next(line for line in DOCS.splitlines() if line.startswith(f'| `{precision}` |'))
        assert row.endswith(f'| {tolerance:g} |')


def test_every_network_is_in_the_table():
    for name in list_networks():
        assert f'\n| {name} | ' in DOCS, name
