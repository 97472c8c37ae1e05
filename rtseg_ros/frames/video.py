"""Frames without labels: a video file or a folder of images."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.datasets.dataset import IMAGE_SUFFIXES

FOLDER_RATE_HZ = 10.0


def open_source(source: str) -> tuple[float, Iterator[np.ndarray]]:
    """Open a video file or a folder of images.

    Returns:
        Its rate in Hz (10 for a folder) and its frames, (H, W, 3) uint8 BGR.

    Raises:
        FrameError: If it is neither.
    """
    path = Path(source)
    if not source:
        raise FrameError("parameter 'source' is empty; give a video file or a folder of images")
    if path.is_dir():
        return FOLDER_RATE_HZ, _folder_frames(path)
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise FrameError(f"'{source}' is neither a folder nor a video that OpenCV can open")
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    return (rate_hz if 0 < rate_hz <= 1000 else 25.0), _video_frames(capture)


def _video_frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield frame
    finally:
        capture.release()


def _folder_frames(folder: Path) -> Iterator[np.ndarray]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if frame is None:
                raise FrameError(f'{path} is not a readable image')
            yield frame
