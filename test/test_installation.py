"""The Fast DDS profile is set under both names, and only if nobody set one."""

import os

import pytest

from rtseg_ros.installation import PROFILE_VARIABLES, share_file, use_image_profile


@pytest.fixture
def no_profile(monkeypatch):
    for name in PROFILE_VARIABLES:
        monkeypatch.setenv(name, '')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)


def test_profile_is_set_for_every_generation_of_fast_dds(no_profile):
    use_image_profile()
    profile = str(share_file('config/fastdds_images.xml'))
    assert os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] == profile
    assert os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] == profile


@pytest.mark.parametrize('name', PROFILE_VARIABLES)
def test_profile_of_ones_own_stays(no_profile, monkeypatch, name):
    monkeypatch.setenv(name, '/mine.xml')
    use_image_profile()
    assert {n: os.environ[n] for n in PROFILE_VARIABLES if n in os.environ} == {name: '/mine.xml'}
