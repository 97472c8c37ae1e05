# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 bags without ROS: what files one consists of, its messages, reading and writing."""
