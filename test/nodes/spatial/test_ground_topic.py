# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The grid as a message, with stand-ins of nav_msgs and tf2_ros: neither is on a package index."""

from dataclasses import dataclass, field
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from made_depth import HEIGHT_M, SIZE_HW, depth_m, info_message
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError, SettingError
from rtseg_ros.labels import LabelSet
from rtseg_ros.nodes.spatial.calibration import Calibration
from rtseg_ros.nodes.spatial.ground_topic import GroundTopic
from rtseg_ros.nodes.spatial.parameters import GroundParameters
from rtseg_ros.nodes.spatial.poses import FixedPose, TfPose, pose_from_transform
from rtseg_ros.runtime.geometry import Geometry, layout

LABELS = LabelSet('two', ('wall', 'driveable'), ((0, 0, 0), (0, 255, 0)))
LAYOUT = layout(Geometry(), source_hw=SIZE_HW, network_hw=(32, 48))
SETTINGS = GroundParameters(z=HEIGHT_M, resolution_m=0.1, x_max_m=8.0, y_min_m=-2.0, y_max_m=2.0)


@dataclass
class Grid:
    """As nav_msgs/OccupancyGrid has its fields."""

    header: Header
    info: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            origin=SimpleNamespace(position=SimpleNamespace(), orientation=SimpleNamespace())
        )
    )
    data: object = None


@pytest.fixture(autouse=True)
def nav_msgs(monkeypatch):
    package, module = ModuleType('nav_msgs'), ModuleType('nav_msgs.msg')
    module.OccupancyGrid = Grid
    monkeypatch.setitem(sys.modules, 'nav_msgs', package)
    monkeypatch.setitem(sys.modules, 'nav_msgs.msg', module)


def header():
    made = Header(frame_id='camera_optical')
    made.stamp.sec, made.stamp.nanosec = 7, 9
    return made


def topic(*, settings=SETTINGS, info=True, pose=None):
    calibration = Calibration(
        '/camera_info', rectify='off', rectified_images=False, roi=None, log=lambda text: None
    )
    if info:
        calibration.on_info(info_message(header()))
    grids = []
    ground = GroundTopic(settings, calibration, pose or FixedPose(settings), grids.append)
    return ground, grids


def add(ground, labels, names=LABELS):
    ground.add_mask(
        labels, header=header(), layout=LAYOUT, labels=names, unlabelled_id=255
    )  # fmt: skip


def floor():
    """Driveable where the made world has its floor, which ends 6 m ahead."""
    return (depth_m() < 6).astype(np.uint8)


def test_the_floor_is_driveable_up_to_the_wall():
    ground, grids = topic()
    add(ground, floor())
    (grid,) = grids
    assert grid.header.frame_id == 'base_footprint'
    assert grid.header.stamp == header().stamp
    assert (grid.info.width, grid.info.height, grid.info.resolution) == (80, 40, 0.1)
    assert (grid.info.origin.position.x, grid.info.origin.position.y) == (0.0, -2.0)
    assert grid.data.typecode == 'b'
    middle = np.frombuffer(grid.data, np.int8).reshape(40, 80)[20]
    # The lowest row, 119, sees the floor at 1.2 / (59.5 / 210) = 4.24 m; the wall is at 6 m.
    assert (middle[:42] == -1).all()
    assert (middle[44:58] == 0).all()
    assert (middle[63:] == 100).all()
    assert ground.account.counts()['published'] == 1


def test_unlabelled_is_unknown():
    ground, grids = topic()
    add(ground, np.full(SIZE_HW, 255, np.uint8))
    assert set(np.frombuffer(grids[0].data, np.int8)) == {-1}


@pytest.mark.parametrize(
    ('options', 'bin_name', 'words'),
    [
        ({'info': False}, 'no_calibration', 'no camera_info has come on /camera_info'),
        (
            {'settings': GroundParameters(driveable=('road',))},
            'refused',
            "ground_driveable: there is no class 'road'; the model has wall, driveable",
        ),
    ],
)
def test_what_is_missing_is_counted_and_said(options, bin_name, words):
    ground, grids = topic(**options)
    add(ground, floor())
    assert grids == []
    assert ground.account.counts()[bin_name] == 1
    assert words in ground.account.problem()


class Lost(Exception):
    """As tf2_ros.TransformException."""


def tf2_ros(monkeypatch, found):
    module = ModuleType('tf2_ros')

    class Buffer:
        def lookup_transform(self, target, source, time):
            assert (target, source, time) == ('base_footprint', 'camera_optical', header().stamp)
            if found is None:
                raise Lost('extrapolation into the future')
            return SimpleNamespace(transform=found)

    module.Buffer, module.TransformException = Buffer, Lost
    module.TransformListener = lambda buffer, node: None
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)


def transform(q, t=(0.0, 0.0, HEIGHT_M)):
    return SimpleNamespace(
        rotation=SimpleNamespace(**dict(zip('xyzw', q, strict=True))),
        translation=SimpleNamespace(**dict(zip('xyz', t, strict=True))),
    )


# Optical axes in those of a body: a turn by 120 degrees about (-1, 1, -1).
LEVEL = (-0.5, 0.5, -0.5, 0.5)


def test_tf_says_the_same_as_the_parameters(monkeypatch):
    tf2_ros(monkeypatch, transform(LEVEL))
    by_tf, grids = topic(pose=TfPose(None, 'base_footprint'))
    add(by_tf, floor())
    by_hand, others = topic()
    add(by_hand, floor())
    assert grids[0].data == others[0].data
    assert np.allclose(pose_from_transform(transform(LEVEL)), FixedPose(SETTINGS).at(header()))


def test_tf_that_does_not_know_is_counted(monkeypatch):
    tf2_ros(monkeypatch, None)
    ground, grids = topic(pose=TfPose(None, 'base_footprint'))
    add(ground, floor())
    assert grids == []
    assert ground.account.counts()['no_pose'] == 1
    assert 'extrapolation into the future' in ground.account.problem()


def test_without_tf2_ros_configure_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(SettingError, match='ground_from_tf needs tf2_ros'):
        TfPose(None, 'base_footprint')


def test_a_rotation_that_is_none_is_refused():
    with pytest.raises(CalibrationError, match='no quaternion'):
        pose_from_transform(transform((0.0, 0.0, 0.0, 0.0)))
