# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Figures from arrays: accuracy, calibration, latency; no files, no ROS."""
