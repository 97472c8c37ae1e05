"""Where files lie: the Fast DDS profile, set only if nobody set one, and the cache folder."""

import os
from pathlib import Path

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
from rtseg_ros.runtime.tensorrt.plan_cache import PlanCache


@pytest.fixture
def no_profile(monkeypatch):
    for name in PROFILE_VARIABLES:
        monkeypatch.setenv(name, '')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ('distribution', 'name'),
    [
        ('humble', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('kilted', 'FASTDDS_DEFAULT_PROFILES_FILE'),
        (None, 'FASTDDS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_profile_is_set_where_the_distribution_looks(no_profile, monkeypatch, distribution, name):
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    if distribution:
        monkeypatch.setenv('ROS_DISTRO', distribution)
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
def test_what_the_user_has_set_is_left_alone(no_profile, monkeypatch, tmp_path, name, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('RMW_IMPLEMENTATION', raising=False)
    monkeypatch.delenv('ROS_DISTRO', raising=False)
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
