# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a running graph: pair images and masks, wait on disk, report."""
