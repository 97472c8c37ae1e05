# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page of a fleet: everything is on it, nothing of it is run, nothing is fetched."""

import json

import pytest
from strict_html import assert_self_contained
from test_fleet_run import run

from rtseg_ros.evaluation.fleet.find import find_bags
from rtseg_ros.evaluation.fleet.page import write_fleet_page
from rtseg_ros.evaluation.fleet.results import merged, states_of
from rtseg_ros.evaluation.fleet.tags import read_tags

pytestmark = pytest.mark.process

DAY_NS = 86_400_000_000_000
START_NS = 1_700_000_000_000_000_000
SCRIPT = '<script>alert(1)</script>'


@pytest.fixture
def output(make_bag, tiny_model, tmp_path, watcher):
    """Six bags of two robots over three days, one of them no bag."""
    for index in range(6):
        make_bag(f'fleet/r{index % 2}/b{index}', range(index, index + 3),
                 start_ns=START_NS + index // 2 * DAY_NS)  # fmt: skip
    (tmp_path / 'fleet' / 'r0' / 'x.mcap').touch()
    bags = find_bags([str(tmp_path / 'fleet')])
    tags = read_tags('{robot}/*', bags)
    run(bags, tiny_model, tmp_path / 'out', watcher, tags=tags)
    return tmp_path / 'out'


def test_everything_is_on_it(output):
    text = (output / 'fleet.html').read_text()
    parser = assert_self_contained(text)
    assert 'script' not in parser.tags
    for words in ('By robot', 'Worst bags', 'Worst seconds', 'Latency', 'Confidence', 'Trend',
                  'r0/x.mcap', '1 bags could not be used', '95 % interval over bags'):  # fmt: skip
        assert words in text, words
    assert text.count('data:image/jpeg;base64,') == 6, 'one of each second'
    assert '<i class="swatch" style="background:rgb(0, 255, 0)"></i>green</span>' in text


def test_names_stay_text(output):
    fleet = json.loads((output / 'fleet.json').read_text())
    states = dict(states_of(output, fleet))
    for bag in fleet['bags']:
        if bag['status'] == 'failed':
            bag['bag'] = bag['reason'] = SCRIPT
    fleet['by_tag'] = {SCRIPT: {SCRIPT: fleet['by_tag']['robot']['r0']}}
    fleet['model']['file'] = fleet['stopped_by'] = SCRIPT
    text = write_fleet_page(output, fleet, states, merged(states.values())).read_text()
    assert '<script' not in text
    assert text.count('&lt;script&gt;') >= 6


@pytest.mark.parametrize('width', [390, 1280])
def test_a_browser_shows_it_without_a_complaint(output, chromium, width):
    chromium.open(output / 'fleet.html', width=width, height=844)
    assert chromium.complaints == []
    assert chromium.evaluate('document.documentElement.scrollWidth') == width
    assert chromium.evaluate('[...document.images].every(image => image.naturalWidth > 0)')


def test_a_fleet_without_a_usable_bag_has_a_page(tiny_model, tmp_path, watcher):
    (tmp_path / 'none.mcap').touch()
    run(find_bags([str(tmp_path / 'none.mcap')]), tiny_model, tmp_path / 'out', watcher)
    text = (tmp_path / 'out' / 'fleet.html').read_text()
    assert_self_contained(text)
    assert 'Worst' not in text
    assert 'none.mcap' in text
