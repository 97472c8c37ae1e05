# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What training runs see in the same frames: a picture for people."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.sample import read_items
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.legend import legend
from rtseg_ros.labels.overlay import overlay_from_labels
from rtseg_ros.networks.zoo import create_network
from rtseg_ros.output_files import replace_files
from rtseg_ros.training.checkpoint import TrainingCheckpoint, load_checkpoint
from rtseg_ros.training.prediction import label_frame

_CELL_WIDTH = 288
_NAME_WIDTH = 220


def draw_sheet(path: Path, folders: Sequence[Path], frames: Path, *, limit: int) -> None:
    """Write a picture of what runs see in a few of the frames.

    Args:
        path: Of the picture; its ending, .jpg or .png, is the format.
        folders: Of the runs, in the order in which they appear; all of one label set.
        frames: Folder of images or bag.
        limit: How many of the frames.

    Raises:
        RtsegError: If the frames or a run cannot be read.
    """
    any_labels = LabelSet('unknown', ('unknown',), ((0, 0, 0),))  # the truth is not drawn
    items = read_items(frames, limit=limit, labels=any_labels)
    picture = sheet(folders, [item.frame() for item in items])
    replace_files({path: encoded(path.suffix, picture)})


def sheet(folders: Sequence[Path], frames: Sequence[np.ndarray]) -> np.ndarray:
    """Draw the frames in the first row and the overlay of each run's best weights below.

    Args:
        folders: Of the runs, in the order in which they appear; all of one label set.
        frames: (H, W, 3) uint8 BGR, of one size.

    Returns:
        uint8 BGR picture.

    Raises:
        TrainingError: If a run has no readable best.pth, or other classes than the first.
    """
    height, width = frames[0].shape[:2]
    cell = _CELL_WIDTH, round(_CELL_WIDTH * height / width)
    rows = [_row('camera', frames, cell)]
    label_sets: list[LabelSet] = []
    for folder in folders:
        run = load_checkpoint(folder / 'best.pth')
        label_sets.append(run.labels)
        if label_sets[-1].names != label_sets[0].names:
            raise TrainingError(
                f"'{folder}' and '{folders[0]}' have different classes; draw a sheet of each"
            )
        rows.append(_row(folder.name, _overlays(run, label_sets[0], frames), cell))
    grid = np.vstack(rows)
    return np.hstack([grid, legend(label_sets[0], height=len(grid))])


def _overlays(
    run: TrainingCheckpoint, label_set: LabelSet, frames: Sequence[np.ndarray]
) -> list[np.ndarray]:
    network = create_network(run.network, label_set.num_classes).eval()
    network.load_state_dict(run.weights)
    palette = label_set.palette_bgr()
    return [
        overlay_from_labels(
            frame, label_frame(network, frame, run.preprocessing), palette_bgr=palette, alpha=0.6
        )
        for frame in frames
    ]


def _row(name: str, pictures: Sequence[np.ndarray], cell: tuple[int, int]) -> np.ndarray:
    title = np.full((cell[1], _NAME_WIDTH, 3), 255, np.uint8)
    cv2.putText(
        title, name, (8, cell[1] // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA
    )
    return np.hstack([title, *(cv2.resize(p, cell) for p in pictures)])
