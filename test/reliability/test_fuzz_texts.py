# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON files with changed values and bytes: read, refused, never a crash."""

import json

from fuzzing import changed, damaged, json_text
from hypothesis import strategies as st
import pytest
import yaml

from rtseg_ros.errors import EvaluationError, LabelSetError
from rtseg_ros.labels import CAMVID, LabelSet, load_label_set
from rtseg_ros.labels.groups import load_class_groups
from rtseg_ros.labels.mapping import read_mapping
from rtseg_ros.runtime.plans.plan_cache import PlanCache

LABELS = LabelSet('two', ('a', 'b'), ((1, 2, 3), (4, 5, 6)), ('x', 'y')).to_dict()
GROUPS = {
    'groups': [
        {'name': 'way', 'classes': ['Road', 'Pavement'], 'color': [1, 2, 3]},
        {'name': 'other', 'classes': 'rest'},
    ],
    'unlabelled': ['Sky'],
}
MAPPING = {'classes': {'Road': 'road', 'Sky': 'sky', 'Car': 'car'}}
# Ten times ten times ... the same list: short to write, endless to print.
_LAUGHS = '\n'.join(
    [f'l0: &l0 [{", ".join(["ha"] * 10)}]']
    + [f'l{i}: &l{i} [{", ".join([f"*l{i - 1}"] * 10)}]' for i in range(1, 12)]
)
HOSTILE = [
    '[' * 10_000, '{a: ' * 3000, '- ' * 5000, '&a [*a]', 'a: &a {b: *a}', '1' * 5000, '!!python/x',
    '? [a]\n: b', '=: 1', '<<: 1', '<<: [{a: 1}, 2]', '.inf', '2001-99-99', '0b2', '1:99:99',
    *(f'{_LAUGHS}\n{key}: *l11' for key in ('classes', 'groups', 'name', 'unlabelled')),
    f'{_LAUGHS}\nclasses: [{{name: *l11, color: *l11}}]',
    f'{_LAUGHS}\nclasses: [{{name: a, color: *l11}}]\nignore_id: *l11',
    f'{_LAUGHS}\nclasses: [{{name: a, color: [1, 2, 3], category: *l11}}]',
    f'{_LAUGHS}\nclasses: {{a: *l11}}',
    f'{_LAUGHS}\ngroups: [{{name: *l11, classes: [a]}}]',
    f'{_LAUGHS}\ngroups: [{{name: a, classes: *l11}}]',
    f'{_LAUGHS}\ngroups: [{{name: a, classes: [], color: *l11}}]',
]  # fmt: skip


def texts(document):
    """Return changed values of a document as YAML, changed bytes of it, and hostile ones."""
    seeds = [yaml.safe_dump(document), yaml.safe_dump(document, default_flow_style=True), *HOSTILE]
    whole = changed([document]).map(_yaml)
    return st.one_of(whole, damaged([seed.encode() for seed in seeds]))


def _yaml(document):
    return yaml.safe_dump(document, allow_unicode=True).encode('utf-8', 'surrogatepass')


def read_with(tmp_path, reader):
    path = tmp_path / 'file.yaml'

    def read(content):
        path.write_bytes(content)
        return reader(path)

    return read


def test_label_set(fuzz, tmp_path):
    def reader(path):
        labels = load_label_set(path)
        assert labels.palette_bgr().shape == (256, 3)
        assert repr(labels)
        assert labels.to_dict()

    fuzz(texts(LABELS), read_with(tmp_path, reader), LabelSetError)


def test_class_groups(fuzz, tmp_path):
    def reader(path):
        groups = load_class_groups(path)
        assert groups.label_set(CAMVID)
        assert groups.used_ids(CAMVID) is not None

    fuzz(texts(GROUPS), read_with(tmp_path, reader), LabelSetError)


def test_class_mapping(fuzz, tmp_path):
    fuzz(texts(MAPPING), read_with(tmp_path, read_mapping), EvaluationError)


KEY = {'model': 'x', 'shapes': [1, 2], 'version': '10.0'}


@pytest.fixture
def cache(tmp_path):
    """A cache that holds one plan."""
    cache = PlanCache(tmp_path)
    cache.store('model', KEY, b'plan', {'build_seconds': 3.5, 'built_at': '2026'})
    cache.write_note('model', KEY, {'fast': True})
    return cache


def test_manifest_of_a_plan(fuzz, cache, tmp_path):
    """A damaged one is no plan; what is found is the plan that was stored."""
    path = next(tmp_path.glob('*.json'))
    good = path.read_bytes()

    def read(content):
        path.write_bytes(content)
        found = cache.find('model', KEY)
        assert found is None or found.content == b'plan'
        assert cache.why_missing('model', KEY | {'version': '11'})
        cache.estimate_s('model')

    seeds = [good, b'[' * 100_000, b'{"format":1,"key":' + b'1' * 5000]
    inputs = changed([json.loads(good)]).map(json_text).map(str.encode)
    fuzz(st.one_of(inputs, damaged(seeds)), read)


def test_note_on_a_plan(fuzz, cache, tmp_path):
    path = next(tmp_path.glob('*.note'))
    good = path.read_bytes()

    def read(content):
        path.write_bytes(content)
        assert isinstance(cache.note('model', KEY), dict)

    fuzz(damaged([good, b'[' * 100_000, b'1' * 5000]), read)
