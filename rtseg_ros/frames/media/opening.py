# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From what a user typed to the frames that it means."""

from pathlib import Path

from rtseg_ros.errors import FrameError
from rtseg_ros.frames.datasets.dataset import IMAGE_SUFFIXES
from rtseg_ros.frames.media.footage import Footage
from rtseg_ros.frames.media.live_capture import LiveCapture, is_live
from rtseg_ros.frames.media.still_images import StillImages
from rtseg_ros.frames.media.video_file import VideoFile


def open_footage(
    source: str | Path,
    *,
    live: bool = False,
    recursive: bool = False,
    leave_out: Path | None = None,
) -> Footage:
    """Open an image, a folder of images, a video or a camera.

    Args:
        source: Path; number, device file or URL of a camera.
        live: Whether it may be a camera.
        recursive: Of a folder: look into the folders below, too.
        leave_out: Folder that is not looked into.

    Raises:
        FrameError: If it is none of them, or a folder without images.
    """
    source = str(source)
    if not source:
        raise FrameError("'source' is empty; give a video file or a folder of images")
    if live and is_live(source):
        return LiveCapture(source)
    path = Path(source)
    if not path.exists():
        raise FrameError(f"there is no file or folder '{source}'")
    if path.is_dir():
        images = StillImages(path, recursive=recursive, leave_out=leave_out)
        if not images.total:
            more = '' if recursive else ', nor does it look into folders below (--recursive)'
            raise FrameError(
                f"the folder '{source}' holds no image ({', '.join(IMAGE_SUFFIXES)}){more}"
            )
        return images
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return StillImages(path)
    return VideoFile(source)
