# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Real-time semantic segmentation for ROS 2: camera images in, label images out."""

__version__ = '0.1.0'
