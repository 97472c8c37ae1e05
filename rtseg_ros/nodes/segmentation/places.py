# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the parameters of segmentation_node say of places: rectification, points, ground."""

from rclpy.lifecycle import LifecycleNode

from rtseg_ros.errors import SettingError
from rtseg_ros.nodes.parameters import CLOUD_SIZE, SegmentationParameters, read_parameters
from rtseg_ros.nodes.spatial.calibration import OFF
from rtseg_ros.nodes.spatial.ground_topic import Pose
from rtseg_ros.nodes.spatial.outputs import SpatialSettings
from rtseg_ros.nodes.spatial.parameters import CLOUD, GroundParameters, PointsParameters
from rtseg_ros.nodes.spatial.poses import FixedPose, TfPose

POINTS, GROUND = 'points_', 'ground_'


def spatial_settings(
    settings: SegmentationParameters, points: PointsParameters, ground: GroundParameters
) -> SpatialSettings:
    """Return what the parameters say together.

    Raises:
        SettingError: If they do not go together.
    """
    size_of_cloud = settings.output_size == CLOUD_SIZE
    if size_of_cloud and points.source != CLOUD:
        raise SettingError(
            f"output_size is 'cloud' and points_source '{points.source}': the size is that of the "
            "cloud on cloud_in; set points_source to 'cloud_in'"
        )
    if settings.rectified_images and settings.rectify != OFF:
        raise SettingError(
            f"rectify is '{settings.rectify}' and the images come rectified; unset one of them"
        )
    if points.maximum_m <= points.minimum_m:
        raise SettingError(
            f'points_minimum_m is {points.minimum_m:g} and points_maximum_m '
            f'{points.maximum_m:g}; the second must be the larger one'
        )
    ground.extent()
    return SpatialSettings(
        rectify=settings.rectify,
        rectified_images=settings.rectified_images,
        roi=settings.geometry().roi,
        size_of_cloud=size_of_cloud,
        points=points,
        ground=ground,
    )


def read_spatial_settings(
    node: LifecycleNode, settings: SegmentationParameters
) -> SpatialSettings:
    """Read the parameters of the node.

    Raises:
        SettingError: If they say nothing possible.
    """
    return spatial_settings(
        settings,
        read_parameters(node, PointsParameters, prefix=POINTS),
        read_parameters(node, GroundParameters, prefix=GROUND),
    )


def pose_of(node: LifecycleNode, ground: GroundParameters) -> Pose:
    """Return what knows where the cameras stand.

    Raises:
        SettingError: If it shall be TF, and tf2_ros is not installed.
    """
    return TfPose(node, ground.frame) if ground.from_tf else FixedPose(ground)
