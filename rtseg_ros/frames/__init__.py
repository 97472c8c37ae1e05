# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames and ground truth, wherever they come from: data sets, bags, videos, messages."""
