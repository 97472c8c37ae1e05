# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The inside of the segmentation node: cameras, worker, account, advice."""
