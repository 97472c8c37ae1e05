# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The four classes of the models whose answers can be worked out by hand."""

from rtseg_ros.labels import LabelSet

# The class is the brightest of blue, green and red; class 0 where none is above 100.
TINY_LABELS = LabelSet(
    'tiny', ('dark', 'blue', 'green', 'red'), ((40, 40, 40), (0, 0, 255), (0, 255, 0), (255, 0, 0))
)
