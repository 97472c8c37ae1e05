# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the fields of a labelled point lie; the doctor asks where OpenCV is missing, too."""

# name, offset in bytes, sensor_msgs/PointField type: 7 is FLOAT32, 2 is UINT8
FIELDS = (
    ('x', 0, 7), ('y', 4, 7), ('z', 8, 7), ('rgb', 12, 7), ('label', 16, 2), ('confidence', 17, 2)
)  # fmt: skip
POINT_STEP = 20
