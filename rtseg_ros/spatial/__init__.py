# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From pixels to places, as arrays: calibration, rectification, points, a ground grid."""
