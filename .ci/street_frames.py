# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Write frames of the demo's street clip as one array: street_frames.py COUNT FILE.npy."""

import sys

import cv2
import numpy as np

from rtseg_ros.harness.demo_session import _street_clip

EVERY = 40  # frames; the clip has 250, the first and the last of a street


def main() -> None:
    """Write (COUNT, H, W, 3) uint8 BGR."""
    count, path = int(sys.argv[1]), sys.argv[2]
    video, frames = cv2.VideoCapture(str(_street_clip())), []
    for number in range(EVERY * count):
        read, frame = video.read()
        if read and number % EVERY == EVERY // 2:
            frames.append(frame)
    np.save(path, np.stack(frames))


if __name__ == '__main__':
    main()
