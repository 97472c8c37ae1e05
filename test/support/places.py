# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the repository lies, and the frames and weights beside it that some tests need."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / 'shared' / 'data'  # skip where it is absent
CAMVID_FOLDER = DATA / 'camvid'
CITYSCAPES_FOLDER = DATA / 'cityscapes_sample'
