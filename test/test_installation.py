"""The Fast DDS profile is set under the name that is read, and only if nobody set one."""

import os

import pytest

from rtseg_ros.installation import PROFILE_VARIABLES, share_file, use_image_profile


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
