# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How frames get into a network: the values that options accept; imports nothing."""

RESIZES = ('stretch', 'letterbox', 'crop')
# Degrees clockwise that turn a frame upright.
ROTATIONS = (0, 90, 180, 270)
