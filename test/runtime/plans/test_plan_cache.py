# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The plan cache: found by key, checked by hash, shared by processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.plans.plan_cache import PlanCache, differences

KEY = {'graph_sha256': 'ab', 'library_version': '10.3.0', 'input': ['uint8', 1, 32, 48, 3]}


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / 'cache')


def test_a_plan_comes_back_with_its_facts(cache):
    cache.store('street', KEY, b'plan', {'precision_as_built': 'fp16'})
    plan = cache.find('street', KEY)
    assert plan is not None
    assert plan.content == b'plan'
    assert plan.manifest.facts['precision_as_built'] == 'fp16'
    assert plan.manifest.key == KEY


def test_manifest_is_readable_json_beside_the_plan(cache):
    cache.store('street', KEY, b'plan', {})
    (document,) = cache.folder.glob('street-*.json')
    assert json.loads(document.read_text())['key'] == KEY
    assert document.with_suffix('.plan').read_bytes() == b'plan'


@pytest.mark.parametrize('field', KEY)
def test_any_other_key_is_a_miss_that_names_the_field(cache, field):
    cache.store('street', KEY, b'plan', {})
    other = {**KEY, field: 'other'}
    assert cache.find('street', other) is None
    assert f'{field}: {KEY[field]} -> other' in cache.why_missing('street', other)


def test_the_most_similar_plan_explains_the_miss(cache):
    far = dict.fromkeys(KEY, 'far')
    cache.store('street', far, b'plan', {})
    cache.store('street', KEY, b'plan', {})
    why = cache.why_missing('street', {**KEY, 'library_version': '10.16.1'})
    assert 'library_version: 10.3.0 -> 10.16.1' in why
    assert 'graph_sha256' not in why


def test_no_plan_at_all_is_said(cache):
    assert cache.why_missing('street', KEY) == 'there is none yet'
    cache.store('other_model', KEY, b'plan', {})
    assert cache.why_missing('street', KEY) == 'there is none yet'


def test_a_new_field_of_the_key_is_a_difference():
    assert differences({'a': 1}, {'a': 1, 'b': 2}) == ['b: absent -> 2']


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (lambda plan, document: plan.write_bytes(b'pla'), '3 bytes, its manifest says 4'),
        (lambda plan, document: plan.write_bytes(b'nalp'), 'SHA-256'),
        (lambda plan, document: plan.unlink(), 'cannot be read'),
        (lambda plan, document: document.write_text('{'), 'manifest'),
        (lambda plan, document: document.write_text('[]'), 'manifest'),
        (lambda plan, document: document.write_text('{"format": 1}'), 'manifest'),
        (
            lambda plan, document: document.write_text(document.read_text().replace('ab', 'ba')),
            'another key',
        ),
    ],
)
def test_a_damaged_plan_is_not_used_and_the_log_says_why(cache, caplog, damage, reason):
    cache.store('street', KEY, b'plan', {})
    (plan,) = cache.folder.glob('*.plan')
    damage(plan, plan.with_suffix('.json'))
    assert cache.find('street', KEY) is None
    assert reason in caplog.text
    cache.store('street', KEY, b'plan', {})
    assert cache.find('street', KEY) is not None


def test_the_estimate_is_the_last_build_of_this_model(cache):
    assert cache.estimate_s('street') is None
    for day, seconds in ((1, 90.0), (2, 70.0)):
        facts = {'build_seconds': seconds, 'built_at': f'2026-01-0{day}T00:00:00+00:00'}
        cache.store('street', {**KEY, 'device': day}, b'plan', facts)
    assert cache.estimate_s('street') == 70.0


def test_timings_are_merged_with_what_came_meanwhile(cache):
    cache.update_timing_cache('orin', lambda now: now + b'a')
    cache.update_timing_cache('orin', lambda now: now + b'b')
    assert cache.timing_cache('orin') == b'ab'
    assert cache.timing_cache('other') == b''


def test_notes_are_kept_per_key(cache):
    cache.write_note('street', KEY, {'faster': 'engine'})
    assert cache.note('street', KEY) == {'faster': 'engine'}
    assert cache.note('street', {**KEY, 'x': 1}) == {}
    assert cache.manifests() == []


def test_an_unusable_folder_is_explained(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(EngineError, match='XDG_CACHE_HOME'):
        PlanCache(tmp_path / 'file' / 'cache')


def test_what_a_killed_process_left_half_written_goes_away(cache):
    path = cache.store('street', KEY, b'plan', {}) and next(cache.folder.glob('*.plan'))
    leftover = path.with_name(f'.{path.name}.1.tmp')
    leftover.write_bytes(b'half')
    cache.store('street', KEY, b'plan', {})
    assert not leftover.exists()


_WORKER = """
import sys, time
from pathlib import Path
from rtseg_ros.runtime.plans.plan_cache import PlanCache
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
cache, key = PlanCache(folder), {'a': 1}
print('started', flush=True)
with cache.lock('street', key):
    found = cache.find('street', key)
    print('found' if found else 'building', flush=True)
    time.sleep(seconds)
    if not found:
        cache.store('street', key, bytes(1 << 20), {})
"""


def _worker(folder, seconds):
    command = [sys.executable, '-c', _WORKER, str(folder), str(seconds)]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.process
def test_two_processes_build_a_plan_once(tmp_path):
    workers = [_worker(tmp_path, 0.3) for _ in range(3)]
    said = sorted(worker.communicate(timeout=30)[0].split()[1] for worker in workers)
    assert said == ['building', 'found', 'found']
    assert PlanCache(tmp_path).find('street', {'a': 1}).content == bytes(1 << 20)


@pytest.mark.process
def test_a_killed_builder_does_not_block_the_next(tmp_path):
    victim = _worker(tmp_path, 60)
    assert victim.stdout.readline() == 'started\n'
    assert victim.stdout.readline() == 'building\n'
    victim.send_signal(signal.SIGKILL)
    victim.wait(timeout=10)
    assert _worker(tmp_path, 0).communicate(timeout=30)[0].split()[1] == 'building'


def test_waiting_is_logged(cache, caplog):
    other = PlanCache(cache.folder)
    import threading

    inside = threading.Event()

    def hold():
        with other.lock('street', KEY):
            inside.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    with cache.lock('street', KEY):
        pass
    thread.join()
    assert 'another process is building' in caplog.text
