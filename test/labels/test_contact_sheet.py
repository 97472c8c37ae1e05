"""Frames beside their overlays on one sheet."""

import numpy as np

from rtseg_ros.labels import CAMVID
from rtseg_ros.labels.contact_sheet import contact_sheet


def test_contact_sheet_has_two_pairs_to_a_row_and_a_legend():
    rows = [(np.full((100, 200, 3), i, np.uint8),) * 2 for i in range(3)]
    sheet = contact_sheet(rows, CAMVID)
    assert sheet.shape == (2 * 240, 4 * 480 + 260, 3)
    assert (sheet[0, 0] == 0).all()
    assert (sheet[240, 0] == 2).all()
    assert (sheet[-1, 4 * 480 - 1] == 255).all()  # the empty fourth cell
