# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 nodes, one executable a file, and what they share."""
