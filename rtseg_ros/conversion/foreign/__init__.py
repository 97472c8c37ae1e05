# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Models that others trained and exported: what they are, and how they come into our contract."""
