# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg bag``: a bag from a data set, an image folder or a video."""

import argparse

from rtseg_ros.argument_types import (
    count_or_none,
    namespace,
    output_file,
    output_folder,
    rate_hz,
    within,
)
from rtseg_ros.frames.bag_options import IMAGE_FORMATS, START_S, STORAGES
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import Bar


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
    parser.add_argument(
        '-o', '--output', type=output_folder, required=True, help='bag to make (a folder)'
    )
    parser.add_argument('--storage', choices=STORAGES, default='mcap', help='storage of the bag')
    parser.add_argument(
        '--format', choices=IMAGE_FORMATS, default='raw', help='of the images; labels are raw'
    )
    parser.add_argument(
        '--camera', type=namespace, default='/camera', help='namespace of the topics'
    )
    parser.add_argument('--frame-id', default='camera', help='frame_id of the headers')
    parser.add_argument(
        '--rate', type=rate_hz, default=0.0,
        help="frames per second; 0: the video's own, else 10",
    )  # fmt: skip
    parser.add_argument(
        '--start', type=within(float, 0, 2**31 - 1), default=START_S,
        help='first stamp in seconds',
    )  # fmt: skip
    parser.add_argument(
        '--limit', type=count_or_none, default=0,
        help='stop after so many frames; 0: none',
    )  # fmt: skip
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write what was made here'
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the bag."""
    from rtseg_ros.frames.bag_making import BagSettings, make_bag

    settings = BagSettings(
        output=str(arguments.output),
        dataset=arguments.dataset or '',
        root=arguments.root or '',
        split=arguments.split,
        footage=arguments.images or arguments.video or '',
        storage=arguments.storage,
        image_format=arguments.format,
        camera=arguments.camera,
        frame_id=arguments.frame_id,
        rate_hz=arguments.rate,
        start_s=arguments.start,
        limit=arguments.limit,
    )
    with Bar(unit='frame') as bar:
        made = make_bag(settings, progress=bar.move)
    made_of = settings.dataset or settings.footage
    write_json(
        arguments.json,
        {
            'bag': str(arguments.output),
            'source': made_of,
            'frames': made.count,
            'problems': list(made.problems),
        },
    )
    for problem in made.problems:
        print(problem)
    print(f'wrote {made.count} frames to {arguments.output}')
    return 0
