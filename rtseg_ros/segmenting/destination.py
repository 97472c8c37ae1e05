# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where pictures and masks go: names, formats, and files that are whole or not there."""

from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import SettingError
from rtseg_ros.frames.label_image import png_from_labels
from rtseg_ros.frames.media.codecs import SUFFIXES
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.media.footage import Footage, TimedFrame
from rtseg_ros.frames.media.video_writer import VideoWriter
from rtseg_ros.output_files import replace_files

_JPEG = ('.jpg', '.jpeg')
_IMAGES = ('.png', *_JPEG)


class Destination:
    """The files of one run.

    Attributes:
        written: Files and folders that are finished.
        fallback: What a video is written as in place of what browsers play; mostly empty.
    """

    def __init__(
        self, footage: Footage, output: Path, *, masks: bool = False, codec: str = 'auto'
    ) -> None:
        """Decide on names; nothing is written yet.

        Args:
            footage: What is segmented.
            output: A folder; or, by its suffix, the one picture or video.
            masks: Also write the class ids as PNG; into a folder only.
            codec: Of a video.

        Raises:
            SettingError: If the output cannot be what it is called.
        """
        self.written: list[Path] = []
        self._moving = footage.kind in ('video', 'live')
        self._masks = masks
        self._one_file = output.suffix.lower() in (*_IMAGES, *SUFFIXES)
        self._output = output
        self._stem = _stem_of(footage)
        self._taken: set[Path] = set()
        self._mask_folder: Path | None = None
        if self._one_file:
            self._check_file(footage, output, masks)
        self._video: VideoWriter | None = None
        if self._moving:
            path = output if self._one_file else output / f'{self._stem}_overlay.mp4'
            self._video = VideoWriter(path, rate_hz=footage.rate_hz, codec=codec)

    @property
    def folder(self) -> Path | None:
        """The folder that everything goes into; None for one file."""
        return None if self._one_file else self._output

    @property
    def fallback(self) -> str:
        """What a video is written as in place of what browsers play; mostly empty."""
        return '' if self._video is None else self._video.fallback

    def write(self, shot: TimedFrame, picture: np.ndarray, labels: np.ndarray) -> None:
        """Write the picture of one frame, and its mask if asked for."""
        self._output_folder().mkdir(parents=True, exist_ok=True)
        if self._video is not None:
            self._video.add(picture, shot.time_s)
            if self._masks:
                self._mask_folder = self._output / f'{self._stem}_masks'
                self._mask_folder.mkdir(exist_ok=True)
                path = self._mask_folder / f'{shot.name}.png'
                replace_files({path: png_from_labels(labels).tobytes()})
            return
        name = self._name(Path(shot.name))
        suffix = '.jpg' if Path(shot.name).suffix.lower() in _JPEG else '.png'
        path = self._output if self._one_file else name.with_name(f'{name.name}_overlay{suffix}')
        path.parent.mkdir(parents=True, exist_ok=True)
        files = {path: _encoded(path.suffix.lower(), picture)}
        if self._masks:
            files[name.with_name(f'{name.name}_mask.png')] = png_from_labels(labels).tobytes()
        replace_files(files)
        self.written += files

    def write_legend(self, picture: np.ndarray) -> None:
        """Write the legend beside the others; a destination of one file has none."""
        if not self._one_file:
            path = self._output / 'legend.png'
            replace_files({path: _encoded('.png', picture)})
            self.written.append(path)

    def close(self) -> None:
        """Finish the video."""
        if self._video is not None:
            path = self._video.close()
            if path is not None:
                self.written.append(path)
        if self._mask_folder is not None:
            self.written.append(self._mask_folder)

    def discard(self) -> None:
        """Leave no half of a video behind, after an error."""
        if self._video is not None:
            self._video.discard()

    def _output_folder(self) -> Path:
        return self._output.parent if self._one_file else self._output

    def _name(self, relative: Path) -> Path:
        """Return where the files of an image go, without suffix; no two images share one."""
        name = self._output / relative.with_suffix('')
        if name in self._taken:
            name = self._output / relative  # a.png beside a.jpg
        self._taken.add(name)
        return name

    def _check_file(self, footage: Footage, output: Path, masks: bool) -> None:
        if footage.kind == 'folder':
            raise SettingError(f"'{footage.name}' is a folder, so '{output}' must be one: -o DIR")
        accepted = tuple(SUFFIXES) if self._moving else _IMAGES
        if output.suffix.lower() not in accepted:
            what = 'video' if self._moving else 'picture'
            raise SettingError(
                f"'{output}' is no name for a {what}; give a folder or {', '.join(accepted)}"
            )
        if masks:
            raise SettingError(f"--masks needs a folder for its files, not '{output}': -o DIR")
        if footage.kind != 'live' and output.resolve() == Path(footage.name).resolve():
            raise SettingError(f"'{output}' is the input; choose another name for the output")


def _stem_of(footage: Footage) -> str:
    if footage.kind != 'live':
        return Path(footage.name).stem
    word = footage.name.rstrip('/').rpartition('/')[2].partition('?')[0]
    return f'camera_{word}' if word.isdecimal() or not word else Path(word).stem


def _encoded(suffix: str, picture: np.ndarray) -> bytes:
    return encoded(suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix in _JPEG else [])
