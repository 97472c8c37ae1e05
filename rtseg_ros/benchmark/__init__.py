# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Speed from a uint8 frame to uint8 labels, against other ways to run the same network."""
