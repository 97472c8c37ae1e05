# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Images as the real cv_bridge makes them, where one is installed: `make robot` does so."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('cv_bridge', reason='cv_bridge is not installed (make robot)')

SCRIPT = Path(__file__).parents[2] / 'docs' / 'cv_bridge_comparison.py'


def test_every_encoding_that_both_know_becomes_the_same_frame():
    spec = importlib.util.spec_from_file_location('cv_bridge_comparison', SCRIPT)
    comparison = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(comparison)
    known = set()
    for encoding, ours, theirs in comparison.compared():
        if theirs is not None:
            np.testing.assert_array_equal(ours, theirs, err_msg=encoding)
            known.add(encoding)
    assert {'bgr8', 'rgb8', 'bgra8', 'rgba8', 'mono8', 'mono16', 'bayer_rggb8', 'rgb16'} <= known
