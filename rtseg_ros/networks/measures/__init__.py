# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Figures of a network itself: what it costs and what its labels depend on."""
