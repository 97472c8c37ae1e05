# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is said of images that do not arrive."""

import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.doctor.transport_check import SIZES_HW, SMALL, verdict
from rtseg_ros.installation import PROFILE, PROFILE_VARIABLES, profile_variable, share_file

VGA, HD = tuple(SIZES_HW)[1:3]


@pytest.fixture(autouse=True)
def fast_dds_without_profile(monkeypatch):
    monkeypatch.delenv('RMW_IMPLEMENTATION', raising=False)
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_lost_large_images_name_the_profile_once_by_its_absolute_path():
    first = verdict(VGA, {SMALL: 20, VGA: 3}, told=False)
    assert not first.ok
    assert f'export {profile_variable()}={share_file(PROFILE)}' in first.text
    assert share_file(PROFILE).is_absolute()
    assert verdict(HD, {SMALL: 20, VGA: 3, HD: 0}, told=True).text.endswith('arrived; as above')


def test_lost_small_messages_are_not_taken_for_small_buffers():
    text = verdict(SMALL, {SMALL: 12}, told=False).text
    assert 'the size of buffers is not why' in text
    assert 'export' not in text


def test_nothing_at_all_is_another_matter():
    assert 'do not hear each other' in verdict(SMALL, {SMALL: 0}, told=False).text


def test_with_a_profile_set_it_is_not_advised_again(monkeypatch):
    monkeypatch.setenv(profile_variable(), '/my/own.xml')
    text = verdict(VGA, {SMALL: 20, VGA: 3}, told=False).text
    assert 'although a profile is set' in text
    assert 'export' not in text


def test_another_middleware_gets_no_advice_for_fast_dds(monkeypatch):
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')
    assert 'Fast' not in verdict(VGA, {SMALL: 20, VGA: 3}, told=False).text


def test_enough_arrived():
    assert verdict(VGA, {SMALL: 20, VGA: 18}, told=False).ok
