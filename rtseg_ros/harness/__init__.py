# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts real nodes, feeds them and watches: demo, soak, live evaluation."""
