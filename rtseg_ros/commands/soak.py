# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg soak``: a node under more frames than it can take, or cameras that come and go."""

import argparse
from dataclasses import asdict
import sys
from typing import Any

from rtseg_ros.argument_types import add_size, output_file, within
from rtseg_ros.errors import SettingError
from rtseg_ros.machine import machine
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import Bar
from rtseg_ros.runtime.shipped import DEFAULT_MODEL

# Shorter, and too little memory is seen after the start to say whether it grows.
MINIMUM_S = 6.0
DEFAULT_HW = (480, 640)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--minutes', type=within(float, MINIMUM_S / 60, 10**6), default=2.0, help='how long'
    )
    parser.add_argument(
        '--overload',
        type=within(float, 0.01, 1000),
        default=3.0,
        help='frames per frame it can take',
    )
    parser.add_argument(
        '--restarts', type=within(int, 1, 10**6), metavar='N',
        help='instead: a camera that is started N times, with frames of changing size',
    )  # fmt: skip
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    add_size(
        parser,
        f'height and width of the frames in pixels; default: {DEFAULT_HW[0]} {DEFAULT_HW[1]}',
    )
    parser.add_argument(
        '--max-age-ms', type=within(float, 0, 1e6), default=0.0, help="the node's parameter"
    )
    parser.add_argument(
        '--growth-mib', type=within(float, 0, 1e6), default=16.0, help='of memory, that is noise'
    )
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the report here'
    )
    parser.add_argument(
        '--plot', type=output_file, metavar='FILE',
        help='also draw ages and memory over time, .png or .svg; not with --restarts',
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the soak; 3 if something was not met."""
    from rtseg_ros.harness.soak import SoakSettings, soak  # --help needs no ROS

    sizes = arguments.size_hw or [DEFAULT_HW]
    if len(sizes) > 1:
        raise SettingError(f'{len(sizes)} sizes are given; a soak has frames of one size')
    height, width = sizes[0]
    print(f'frames of {height}x{width} (height x width)', file=sys.stderr)
    if arguments.restarts:
        return _restarts(arguments, (height, width))
    settings = SoakSettings(
        model=arguments.model,
        size_hw=(height, width),
        seconds=arguments.minutes * 60,
        overload=arguments.overload,
        max_age_ms=arguments.max_age_ms,
    )
    with Bar(unit='s') as bar:
        report = soak(settings, progress=bar.move)
    if arguments.plot:
        from rtseg_ros.harness.soak_plot import draw

        draw(report.history, arguments.plot)
    return _finish(report, arguments)


def _restarts(arguments: argparse.Namespace, size_hw: tuple[int, int]) -> int:
    """Run the cameras; 3 if something was not met."""
    from rtseg_ros.harness.restarts import RestartSettings, restart

    settings = RestartSettings(arguments.model, size_hw, arguments.restarts)
    with Bar(unit='camera') as bar:
        report = restart(settings, progress=bar.move)
    return _finish(report, arguments)


def _finish(report: Any, arguments: argparse.Namespace) -> int:
    """Print and write what was measured; 3 if something was not met."""
    problems = report.problems(growth_mib=arguments.growth_mib)
    summary = {**asdict(report), 'problems': problems, 'machine': machine()}
    for key, value in summary.items():
        if key == 'history':  # too long to read; --json and --plot have it
            continue
        for line in _lines(key, value):
            print(line)
    write_json(arguments.json, summary)
    for problem in problems:
        print(f'not met: {problem}')
    return 3 if problems else 0


def _lines(key: str, value: Any) -> list[str]:
    """Return one figure, or a list of groups of them, as lines that a person reads."""
    from rtseg_ros.runtime.description import plain

    if isinstance(value, list | tuple) and all(isinstance(part, dict) for part in value):
        return [f'{f"{key} {i}":<18} {plain(part)}' for i, part in enumerate(value, start=1)]
    return [f'{key:<18} {plain(value)}']
