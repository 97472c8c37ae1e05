# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who runs the bags: processes of this machine, or tasks of a Ray cluster."""
