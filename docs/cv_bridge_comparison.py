# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Compare this package's images with those of cv_bridge, for every encoding that both know.

On Debian, with python3-cv-bridge: PYTHONPATH=. /usr/bin/python3 docs/cv_bridge_comparison.py
"""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from rtseg_ros.frames.image_message import _ENCODINGS, ENCODINGS, frame_from_image

HEIGHT, WIDTH = 24, 36


def message(encoding: str, random: np.random.Generator) -> SimpleNamespace:
    """Return an image message of random pixels."""
    kind = _ENCODINGS[encoding]
    row = WIDTH * 3 // 2 if kind.packing else WIDTH * kind.channels * kind.bytes_each
    data = random.integers(0, 256, row * HEIGHT * kind.half_rows // 2, np.uint8)
    if 8 < kind.bits < 16 and not kind.packing:
        data = (data.view('<u2') & 2**kind.bits - 1).view(np.uint8)
    return SimpleNamespace(
        encoding=encoding, height=HEIGHT, width=WIDTH, step=row, is_bigendian=0,
        data=data.tobytes(),
    )  # fmt: skip


def compared() -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yield each encoding with our image and that of cv_bridge, None where it refuses."""
    from cv_bridge import CvBridge  # message() serves where there is none, too

    random, bridge = np.random.default_rng(0), CvBridge()
    for encoding in ENCODINGS:
        image = message(encoding, random)
        try:
            theirs = bridge.imgmsg_to_cv2(image, 'bgr8')
        except Exception:  # noqa: BLE001  it has several
            theirs = None
        yield encoding, frame_from_image(image), theirs


def main() -> None:
    """Print a table: per encoding, pixels that differ and the largest difference."""
    refused = []
    print('| encoding | values that differ | by at most |')
    print('|---|---|---|')
    for encoding, ours, theirs in compared():
        if theirs is None:
            refused.append(encoding)
            continue
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        print(
            f'| {encoding} | {(difference > 0).sum()} of {difference.size} | {difference.max()} |'
        )
    print('\nrefused by cv_bridge:', ', '.join(refused))


if __name__ == '__main__':
    main()
