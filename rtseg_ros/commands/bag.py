"""``rtseg bag``: a bag from a data set, an image folder or a video."""

import argparse
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bags import IMAGE_FORMATS, STORAGES, BagWriter
from rtseg_ros.frames.datasets import load_dataset
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.labels import LabelSet
from rtseg_ros.options import topic_name, within
from rtseg_ros.output_files import check_output_folder

# Stamps start here unless asked otherwise, so that the same input gives the same bag.
START_S = 1_700_000_000.0
DATASET_RATE_HZ = 10.0

Frames = Iterator[tuple[np.ndarray, np.ndarray | None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        '--dataset', help='camvid, cityscapes, cityscapes_coarse or a label-set YAML: with labels'
    )
    what.add_argument('--images', metavar='DIR', help='folder of images, in order of their names')
    what.add_argument('--video', metavar='FILE', help='video file')
    parser.add_argument('--root', help='folder of the data set')
    parser.add_argument('--split', default='val', help='split of the data set')
    parser.add_argument('-o', '--output', required=True, help='bag to make (a folder)')
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='storage of the bag')
    parser.add_argument(
        '--format', choices=IMAGE_FORMATS, default='raw', help='of the images; labels are raw'
    )
    parser.add_argument(
        '--camera', type=topic_name, default='/camera', help='namespace of the topics'
    )
    parser.add_argument('--frame-id', default='camera', help='frame_id of the headers')
    parser.add_argument(
        '--rate', type=within(float, 0, 1000), default=0.0,
        help="frames per second; 0: the video's own, else 10",
    )  # fmt: skip
    parser.add_argument(
        '--start', type=within(float, 0, 2**31 - 1), default=START_S,
        help='first stamp in seconds',
    )  # fmt: skip
    parser.add_argument(
        '--limit', type=within(int, 0, 10**9), default=0,
        help='stop after so many frames; 0: none',
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Make the bag."""
    check_output_folder(arguments.output)
    rate_hz, labels, frames, total, problems = _open(arguments)
    rate_hz = arguments.rate or rate_hz
    if rate_hz <= 0:
        raise BagError(f'the rate is {rate_hz}; it must be above 0 frames per second')
    total = min(total, arguments.limit) if arguments.limit and total else arguments.limit or total
    writer = BagWriter(
        arguments.output,
        camera=arguments.camera,
        frame_id=arguments.frame_id,
        storage=arguments.storage,
        image_format=arguments.format,
        labels=labels,
    )
    with writer, tqdm(total=total or None, unit='frame') as bar:
        for index, (frame, truth) in enumerate(frames):
            if arguments.limit and index == arguments.limit:
                break
            stamp_ns = round((arguments.start + index / rate_hz) * 1e9)
            writer.write(frame, stamp_ns, truth)
            bar.update()
        if not writer.count:
            raise BagError('there are no frames to write')
    for problem in problems:
        print(problem)
    print(f'wrote {writer.count} frames to {arguments.output}')
    return 0


def _open(
    arguments: argparse.Namespace,
) -> tuple[float, LabelSet | None, Frames, int, list[str]]:
    """Return rate, label set, frames with labels, their number (0: not known), and problems.

    What cannot be read is left out, and named in the problems once the frames are read.
    """
    if arguments.dataset:
        if not arguments.root:
            raise BagError('--dataset needs --root, the folder of the data set')
        dataset = load_dataset(arguments.dataset, arguments.root, arguments.split)
        pairs = ((dataset.frame(i), dataset.labels(i)) for i in range(len(dataset)))
        return DATASET_RATE_HZ, dataset.label_set, pairs, len(dataset), []
    footage = open_footage(arguments.images or arguments.video)
    frames = ((shot.frame, None) for shot in footage)
    return footage.rate_hz, None, frames, footage.total, footage.problems
