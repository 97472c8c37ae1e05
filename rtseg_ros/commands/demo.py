# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg demo``: real nodes on real video, and pictures of what they see."""

import argparse
from pathlib import Path

from rtseg_ros.argument_types import (
    count_or_none,
    output_file,
    output_folder,
    rate_hz,
    seconds,
    topic_name,
)
from rtseg_ros.errors import RtsegError
from rtseg_ros.labels.palettes import PALETTES
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import Bar
from rtseg_ros.runtime.shipped import DEFAULT_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'source', nargs='?', metavar='FILE', help='video or folder of images; none: a street clip'
    )
    parser.add_argument(
        '--topic', type=topic_name, default='', help='listen to this running camera instead'
    )
    parser.add_argument('--seconds', type=seconds, default=20.0, help='how long with --topic')
    parser.add_argument('--rate', type=rate_hz, default=0.0, help='frames per second; 0: its own')
    parser.add_argument(
        '--limit', type=count_or_none, default=0, help='stop after so many frames; 0: none'
    )
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    parser.add_argument(
        '--depth', action='store_true',
        help='also draw labelled points from above; the depth is made, as if all ground were flat',
    )  # fmt: skip
    parser.add_argument(
        '--palette', choices=PALETTES, default='dataset',
        help="colours of the overlay: the data set's, or ones that everybody can tell apart",
    )  # fmt: skip
    parser.add_argument(
        '--outlines', action='store_true', help='draw thin lines where classes meet'
    )
    parser.add_argument(
        '-o', '--output', type=output_folder, default=Path('demo_output'), help='folder'
    )
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the summary here'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and write overlay video, contact sheet and summary."""
    from rtseg_ros.harness.demo_session import DemoRequest, demo  # --help needs no ROS

    request = DemoRequest(
        source=arguments.source or '',
        topic=arguments.topic,
        seconds=arguments.seconds,
        rate_hz=arguments.rate,
        model=arguments.model,
        output=arguments.output,
        depth=arguments.depth,
        limit=arguments.limit,
        palette=arguments.palette,
        outlines=arguments.outlines,
    )
    with Bar(unit='frame') as bar:
        result = demo(request, say=bar.print, progress=bar.move)
    write_json(arguments.json, result.summary)
    frames = result.summary['frames']
    latency = result.summary['latency_ms']['camera_to_mask']
    machine = result.summary['machine']
    print(
        f'{frames["sent"]} frames sent, {frames["published"]} answered, '
        f'{_dropped(frames["dropped"])}; camera to mask p50 {latency["p50"]:.0f} ms, p99 '
        f'{latency["p99"]:.0f} ms on {machine["processor"]}, {machine["cores"]} cores'
    )
    for path in result.files:
        print(path.resolve())
    if not result.adds_up:
        raise RtsegError('frames sent differ from published + dropped; see summary.json')
    return 0


def _dropped(counts: dict[str, int]) -> str:
    """Say where the frames went that were not answered."""
    where = ', '.join(
        f'{count} {name.replace("_", " ")}' for name, count in counts.items() if count
    )
    return f'dropped {sum(counts.values())}{f" ({where})" if where else ""}'
