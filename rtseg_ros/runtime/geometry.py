# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which part of a frame a network sees, and which pixels of the frame a mask describes.

A frame is cut (region of interest), padded or cropped to the network's shape, resized and turned
upright; the outputs are turned back first, so all that follows lies in the camera's orientation.
Cutting and padding are done in whole pixels of the frame: logits are then resized for the padded
frame as they would be for any frame, and the padding is cut off the labels. So no sub-rectangle
of coarse logits has to be guessed, and pixel centres stay where they are.

Pixel (x, y) is a square whose centre has these coordinates; the image's left edge is x = -0.5.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from rtseg_ros.errors import FrameError, SettingError
from rtseg_ros.runtime.preprocess import resized_frame
from rtseg_ros.runtime.resizes import RESIZES, ROTATIONS

OUTPUT_SIZES = ('source', 'region', 'network')
_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_LARGEST_PADDED = 2**27  # pixels: a strip of one row would be padded beyond all memory


@dataclass(frozen=True)
class Rectangle:
    """Whole pixels of an image."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return this part of an image, a view."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Geometry:
    """How frames get into the network and masks out of it; the same for every frame size.

    Attributes:
        resize: ``stretch`` fills the network's input, ``letterbox`` pads the frame to its shape,
            ``crop`` cuts the frame's middle to it.
        roi: Region of interest (x, y, width, height) in the frame's pixels; None for all.
        rotation: Degrees clockwise that turn the frame upright for the network. Masks keep the
            camera's orientation.
        output_size: ``source``: the frame's size, unlabelled where the network did not look;
            ``region``: the part that it saw, in the frame's pixels; ``network``: that part at
            the network's resolution; or (height, width): that part at this size.
    """

    resize: str = 'stretch'
    roi: tuple[int, int, int, int] | None = None
    rotation: int = 0
    output_size: str | tuple[int, int] = 'source'

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            SettingError: Naming the field.
        """
        if self.resize not in RESIZES:
            raise SettingError(f"resize is '{self.resize}'; accepted: {', '.join(RESIZES)}")
        if self.rotation not in ROTATIONS:
            raise SettingError(f'rotation is {self.rotation}; accepted: 0, 90, 180, 270')
        if self.roi is not None:
            x, y, width, height = self.roi
            if x < 0 or y < 0 or width < 1 or height < 1:
                raise SettingError(
                    f'roi is {list(self.roi)}; x, y from 0 and width, height from 1'
                )
        if isinstance(self.output_size, str):
            if self.output_size not in OUTPUT_SIZES:
                raise SettingError(
                    f"output_size is '{self.output_size}'; accepted: {', '.join(OUTPUT_SIZES)} "
                    "or a width and a height, e.g. '640 360'"
                )
        elif len(self.output_size) != 2 or min(self.output_size) < 1:
            raise SettingError(
                f'output_size is {self.output_size}; height and width must be at least 1'
            )


def output_size_from_text(text: str) -> str | tuple[int, int]:
    """Read ``source``, ``region``, ``network`` or a width and a height (``640 360``).

    Raises:
        SettingError: If it is neither.
    """
    words = text.split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[1]), int(words[0])
    if text not in OUTPUT_SIZES:
        raise SettingError(
            f"output_size is '{text}'; accepted: {', '.join(OUTPUT_SIZES)} or a width and a "
            "height, e.g. '640 360'"
        )
    return text


@dataclass(frozen=True)
class Layout:
    """The geometry worked out for one frame size and one network; make it with ``layout``.

    Attributes:
        source_hw: Size of the frame.
        seen: Part of the frame that the network sees.
        border: Pixels added around it: top, bottom, left, right.
        network_hw: Size of the network's input, in the frame's orientation.
        rotation: Degrees clockwise from the frame to the network's input.
        labels_hw: Size that the network's outputs are resized to: the padded part's.
        cut: Part of these labels without the padding.
        mask_hw: Size of the mask.
        whole: The mask is the whole frame, and unlabelled outside of ``seen``.
    """

    source_hw: tuple[int, int]
    seen: Rectangle
    border: tuple[int, int, int, int]
    network_hw: tuple[int, int]
    rotation: int
    labels_hw: tuple[int, int]
    cut: Rectangle
    mask_hw: tuple[int, int]
    whole: bool

    @property
    def is_source(self) -> bool:
        """Whether mask pixel (x, y) is frame pixel (x, y)."""
        return self.mask_hw == self.source_hw and self.source_from_mask() == (1, 0, 1, 0)

    def network_frame(self, frame: np.ndarray, border_bgr: tuple[int, int, int]) -> np.ndarray:
        """Cut, pad, resize and turn a frame.

        Args:
            frame: (H, W, 3) uint8 of ``source_hw``.
            border_bgr: Colour of the padding.

        Returns:
            (h, w, 3) uint8 of the network's input size; may be a view of the frame.
        """
        resized = resized_frame(self._padded(frame, border_bgr), self.network_hw)
        return cv2.rotate(resized, _TURNS[self.rotation]) if self.rotation else resized

    def turned_back(self, output: np.ndarray) -> np.ndarray:
        """Turn (..., h, w) of the network into the frame's orientation; maybe itself."""
        return np.ascontiguousarray(np.rot90(output, self.rotation // 90, axes=(-2, -1)))

    def mask_from_labels(self, labels: np.ndarray, *, fill: int) -> np.ndarray:
        """Cut off the padding and put what is left in its place.

        Args:
            labels: (h, w) uint8 of ``labels_hw``.
            fill: Value outside of what the network saw.

        Returns:
            (H, W) uint8 of ``mask_hw``, contiguous; ``labels`` itself if nothing is to be done.
        """
        part = labels if self.cut.size_hw == self.labels_hw else self.cut.of(labels)
        if not self.whole:
            part = part if part.shape == self.mask_hw else nearest(part, self.mask_hw)
        elif self.seen.size_hw != self.source_hw:
            mask = np.full(self.source_hw, fill, np.uint8)
            self.seen.of(mask)[:] = part
            return mask
        return np.ascontiguousarray(part)

    def picture(self, frame: np.ndarray) -> np.ndarray:
        """Return the frame in the mask's geometry, (H, W, 3) uint8, e.g. to draw on it."""
        if self.is_source:
            return frame
        part = self.cut.of(resized_frame(self._padded(frame, (0, 0, 0)), self.labels_hw))
        return resized_frame(part, self.mask_hw)

    def source_from_mask(self) -> tuple[float, float, float, float]:
        """Return (scale_x, offset_x, scale_y, offset_y): frame x = scale_x * mask x + offset_x."""
        if self.whole:
            return 1.0, 0.0, 1.0, 0.0
        top, bottom, left, right = self.border
        result = []
        for axis, start, before, after in (
            (1, self.seen.left, left, right),
            (0, self.seen.top, top, bottom),
        ):
            padded = self.seen.size_hw[axis] + before + after
            label = padded / self.labels_hw[axis]  # frame pixels per pixel of the labels
            pixel = label * self.cut.size_hw[axis] / self.mask_hw[axis]  # per pixel of the mask
            first = (self.cut.left if axis else self.cut.top) * label + start - before
            result += [pixel, first + 0.5 * pixel - 0.5]
        return result[0], result[1], result[2], result[3]

    def _padded(self, frame: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
        part = self.seen.of(frame)
        if not any(self.border):
            return part
        return cv2.copyMakeBorder(part, *self.border, cv2.BORDER_CONSTANT, value=color)


def layout(
    geometry: Geometry, *, source_hw: tuple[int, int], network_hw: tuple[int, int]
) -> Layout:
    """Work out a geometry for one frame size.

    Args:
        geometry: What is wanted.
        source_hw: Height and width of the frame.
        network_hw: Height and width of the network's input.

    Raises:
        FrameError: If the region of interest is not inside the frame, or the frame is so long
            and thin that padding it would fill the memory.
    """
    if geometry.rotation in (90, 270):
        network_hw = network_hw[1], network_hw[0]
    seen = _region(geometry, source_hw)
    if geometry.resize == 'crop':
        seen = _cropped(seen, network_hw)
    border = _border(seen.size_hw, network_hw) if geometry.resize == 'letterbox' else (0, 0, 0, 0)
    top, bottom, left, right = border
    padded_hw = seen.height + top + bottom, seen.width + left + right
    if padded_hw[0] * padded_hw[1] > _LARGEST_PADDED:
        raise FrameError(
            f'a part of {seen.width}x{seen.height} pixels would be padded to '
            f"{padded_hw[1]}x{padded_hw[0]}; use resize 'stretch' or 'crop' for such a shape"
        )
    size = geometry.output_size
    labels_hw, cut = padded_hw, Rectangle(top, left, *seen.size_hw)
    if size == 'network':
        labels_hw, cut = network_hw, _whole_pixels(cut, padded_hw, network_hw)
        mask_hw = cut.size_hw
    elif isinstance(size, tuple):
        mask_hw = size
        if not any(border):
            labels_hw, cut = size, Rectangle(0, 0, *size)
    else:
        mask_hw = source_hw if size == 'source' else seen.size_hw
    return Layout(
        source_hw=source_hw,
        seen=seen,
        border=border,
        network_hw=network_hw,
        rotation=geometry.rotation,
        labels_hw=labels_hw,
        cut=cut,
        mask_hw=mask_hw,
        whole=size == 'source',
    )


def _region(geometry: Geometry, source_hw: tuple[int, int]) -> Rectangle:
    if geometry.roi is None:
        return Rectangle(0, 0, *source_hw)
    x, y, width, height = geometry.roi
    if x + width > source_hw[1] or y + height > source_hw[0]:
        raise FrameError(
            f'the region of interest x {x}, y {y}, {width}x{height} is not inside the frame of '
            f'{source_hw[1]}x{source_hw[0]}; change the parameter roi'
        )
    return Rectangle(y, x, height, width)


def _cropped(part: Rectangle, shape_hw: tuple[int, int]) -> Rectangle:
    """Return the middle of a part, cut to a shape's ratio."""
    height = min(part.height, max(1, round(part.width * shape_hw[0] / shape_hw[1])))
    width = min(part.width, max(1, round(part.height * shape_hw[1] / shape_hw[0])))
    top, left = (part.height - height) // 2, (part.width - width) // 2
    return Rectangle(part.top + top, part.left + left, height, width)


def _border(size_hw: tuple[int, int], shape_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the pixels to add at top, bottom, left, right to reach a shape's ratio."""
    height = max(size_hw[0], round(size_hw[1] * shape_hw[0] / shape_hw[1]))
    width = max(size_hw[1], round(size_hw[0] * shape_hw[1] / shape_hw[0]))
    down, along = height - size_hw[0], width - size_hw[1]
    return down // 2, down - down // 2, along // 2, along - along // 2


def _whole_pixels(part: Rectangle, of_hw: tuple[int, int], grid_hw: tuple[int, int]) -> Rectangle:
    """Return the pixels of a grid over an image that lie entirely in a part of the image."""
    edges = []
    for start, length, full, cells in (
        (part.top, part.height, of_hw[0], grid_hw[0]),
        (part.left, part.width, of_hw[1], grid_hw[1]),
    ):
        first = -(-start * cells // full)
        last = (start + length) * cells // full
        if last <= first:  # thinner than a pixel of the grid: the pixel that holds its middle
            first = min((2 * start + length) * cells // (2 * full), cells - 1)
            last = first + 1
        edges += [first, last - first]
    return Rectangle(edges[0], edges[2], edges[1], edges[3])


def nearest(labels: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize (h, w) uint8: each pixel takes the label under its centre; always a new array."""
    rows, columns = (
        (2 * np.arange(size) + 1) * size_in // (2 * size)
        for size, size_in in zip(size_hw, labels.shape, strict=True)
    )
    return labels.take(columns, axis=1).take(rows, axis=0)
