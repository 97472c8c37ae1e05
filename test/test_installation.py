# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where files lie: the Fast DDS profile, set only if nobody set one, and the cache folder."""

import os
from pathlib import Path
import sys

import pytest

from rtseg_ros.doctor.machine_checks import cache
from rtseg_ros.errors import EngineError
from rtseg_ros.installation import (
    PROFILE_VARIABLES,
    cache_folder,
    image_profile_environment,
    share_file,
    use_image_profile,
)
from rtseg_ros.runtime.plans.plan_cache import PlanCache


@pytest.fixture
def no_profile(monkeypatch):
    for name in PROFILE_VARIABLES:
        monkeypatch.setenv(name, '')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)


OLD_LIBRARY, NEW_LIBRARY = 'libfastrtps.so.2.14', 'libfastdds.so.3.2'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a middleware library where one of the searches finds it."""
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'pip'))
    prefixes = [str(tmp_path / name) for name in ('overlay', 'ros')]
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(prefixes))
    monkeypatch.setenv('LD_LIBRARY_PATH', str(tmp_path / 'loader' / 'lib'))

    def put(prefix, library):
        (tmp_path / prefix / 'lib').mkdir(parents=True)
        (tmp_path / prefix / 'lib' / library).touch()

    return put


@pytest.mark.parametrize(
    ('found', 'name'),
    [
        ({'ros': OLD_LIBRARY}, 'FASTRTPS_DEFAULT_PROFILES_FILE'),  # Humble, Jazzy
        ({'ros': NEW_LIBRARY}, 'FASTDDS_DEFAULT_PROFILES_FILE'),  # Kilted and later
        ({'pip': OLD_LIBRARY}, 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ({'ros': NEW_LIBRARY, 'overlay': OLD_LIBRARY}, 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ({'ros': NEW_LIBRARY, 'pip': OLD_LIBRARY}, 'FASTDDS_DEFAULT_PROFILES_FILE'),
        ({'ros': NEW_LIBRARY, 'loader': OLD_LIBRARY}, 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ({}, 'FASTDDS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_profile_is_set_where_the_library_looks(no_profile, install, found, name):
    for prefix, library in found.items():
        install(prefix, library)
    use_image_profile()
    profile = str(share_file('config/fastdds_images.xml'))
    assert {n: os.environ[n] for n in PROFILE_VARIABLES if n in os.environ} == {name: profile}


@pytest.mark.parametrize('name', PROFILE_VARIABLES)
def test_profile_of_ones_own_stays(no_profile, monkeypatch, name):
    monkeypatch.setenv(name, '/mine.xml')
    use_image_profile()
    assert {n: os.environ[n] for n in PROFILE_VARIABLES if n in os.environ} == {name: '/mine.xml'}


@pytest.mark.parametrize(
    ('value', 'folder'),
    [
        ('/var/cache/robot', '/var/cache/robot/rtseg_ros'),
        ('', '/home/robot/.cache/rtseg_ros'),
        ('relative/is/ignored', '/home/robot/.cache/rtseg_ros'),
    ],
)
def test_one_rule_for_the_cache_folder(monkeypatch, value, folder):
    """XDG base directory specification: a relative path is invalid and is ignored."""
    monkeypatch.setenv('HOME', '/home/robot')
    monkeypatch.setenv('XDG_CACHE_HOME', value)
    assert cache_folder() == Path(folder)
    monkeypatch.setattr(Path, 'mkdir', lambda *_, **__: None)
    assert PlanCache().folder == Path(folder)
    assert cache().text.startswith(folder)


def test_without_a_home_there_is_no_cache_folder(monkeypatch):
    def no_home():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(Path, 'home', no_home)
    with pytest.raises(EngineError, match='no folder for built engines: .* XDG_CACHE_HOME'):
        PlanCache()
    finding = cache()
    assert not finding.ok
    assert 'set XDG_CACHE_HOME' in finding.text


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp'),
        ('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA'),
        ('FASTDDS_DEFAULT_PROFILES_FILE', '/mine.xml'),
        ('FASTRTPS_DEFAULT_PROFILES_FILE', '/mine.xml'),
    ],
)
def test_what_the_user_has_set_is_left_alone(
    no_profile, install, monkeypatch, tmp_path, name, value
):
    install('ros', NEW_LIBRARY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('RMW_IMPLEMENTATION', raising=False)
    mine = {'FASTDDS_DEFAULT_PROFILES_FILE': str(share_file('config/fastdds_images.xml'))}
    assert image_profile_environment() == mine
    monkeypatch.setenv(name, value)
    assert image_profile_environment() == {}
    assert image_profile_environment('/a.xml') == {'FASTDDS_DEFAULT_PROFILES_FILE': '/a.xml'}


def test_a_profile_in_the_working_folder_and_none_switch_it_off(no_profile, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    assert image_profile_environment('none') == {}
    assert image_profile_environment()
    (tmp_path / 'DEFAULT_FASTDDS_PROFILES.xml').write_text('<dds/>')
    assert image_profile_environment() == {}
