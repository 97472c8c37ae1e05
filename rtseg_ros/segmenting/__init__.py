# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From photos, folders, videos and cameras to pictures and masks on disk; without ROS."""
