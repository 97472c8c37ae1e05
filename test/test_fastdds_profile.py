# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The DDS profile has room for the largest messages that the package publishes."""

import xml.etree.ElementTree as ET

from rtseg_ros.installation import share_file
from rtseg_ros.spatial.point_layout import POINT_STEP

HEADER = 1024  # bytes beside the points: stamp, frame, fields


def test_a_cloud_of_1280x720_is_one_message():
    root = ET.fromstring(share_file('config/fastdds_images.xml').read_text())
    values = {item.tag.rpartition('}')[2]: item.text for item in root.iter()}
    largest = int(values['maxMessageSize'])
    assert largest >= 1280 * 720 * POINT_STEP + HEADER
    assert int(values['segment_size']) >= 2 * largest
