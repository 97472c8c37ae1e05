# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Points and ground of segmentation_node: depth, calibration and poses as topics."""
