# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a training checkpoint to one model file: read, export, compare, write."""
