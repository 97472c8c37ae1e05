# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What can become of a frame; every account and every report has these, in this order."""

# Published, passed over for a newer one, beyond the highest rate, too old, refused as it is, or
# the work on it failed.
BINS = ('published', 'superseded', 'skipped', 'stale', 'rejected', 'failed')
# What became of an output that takes more than the image; a mask is published all the same.
# Published, no depth of that time, no calibration that fits, refused as it is, the work failed.
POINTS_BINS = ('published', 'no_depth', 'no_calibration', 'refused', 'failed')
GROUND_BINS = ('published', 'no_pose', 'no_calibration', 'refused', 'failed')
