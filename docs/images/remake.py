# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes the street of the README: a picture of frames beside their overlays, and a short loop.

docs/images/remake.py CAMVID/val/images
"""

from pathlib import Path
import sys

import cv2

from rtseg_ros.labels.contact_sheet import contact_sheet
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.segmenting.painter import Painter

MODEL, PALETTE = 'espnetv2_camvid', 'distinct'
MOMENTS = 4  # of the picture
EVERY, RATE_HZ = 2, 7.5  # CamVid's val split has 15 frames of a second
HERE = Path(__file__).parent


def main(folder: Path) -> None:
    """Write street.jpg and street.webp beside this file."""
    frames = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
    segmenter = load_segmenter(MODEL)
    colors = palette_bgr(segmenter.labels, PALETTE)
    painter = Painter(segmenter.labels, palette_bgr=colors, outlines=True)
    step = len(frames) / MOMENTS
    moments = [frames[int((index + 0.5) * step)] for index in range(MOMENTS)]
    rows = [(frame, painter(frame, segmenter(frame).labels)) for frame in moments]
    sheet = contact_sheet(rows, segmenter.labels, palette_bgr=colors)
    cv2.imwrite(
        str(HERE / 'street.jpg'),
        cv2.resize(sheet, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
        [cv2.IMWRITE_JPEG_QUALITY, 88],
    )
    beside = Painter(
        segmenter.labels,
        palette_bgr=colors,
        outlines=True,
        side_by_side=True,
        with_legend=True,
    )
    loop = cv2.Animation()
    loop.frames = [beside(frame, segmenter(frame).labels) for frame in frames[::EVERY]]
    loop.durations = [round(1000 / RATE_HZ)] * len(loop.frames)
    cv2.imwriteanimation(str(HERE / 'street.webp'), loop, [cv2.IMWRITE_WEBP_QUALITY, 45])


if __name__ == '__main__':
    main(Path(sys.argv[1]))
