# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg runs``: compare training runs in a table and in a picture."""

import argparse
from dataclasses import asdict
from pathlib import Path

from rtseg_ros.argument_types import output_file
from rtseg_ros.errors import TrainingError
from rtseg_ros.output_files import write_json

SHEET_FRAMES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('runs', type=Path, nargs='+', metavar='RUN', help='folder of rtseg train')
    parser.add_argument(
        '--sheet', type=output_file, metavar='FILE',
        help=f'draw what each run sees in {SHEET_FRAMES} of the --frames here (.jpg or .png)',
    )  # fmt: skip
    parser.add_argument(
        '--frames', type=Path, metavar='PATH', help='folder of images or bag, for --sheet'
    )
    parser.add_argument('--json', type=output_file, metavar='FILE', help='write the figures here')


def run(arguments: argparse.Namespace) -> int:
    """Print the table as Markdown, the best run first; draw the picture in that order."""
    from rtseg_ros.training.results.sheet import draw_sheet
    from rtseg_ros.training.results.summary import markdown_table, summarise_run

    if (arguments.sheet is None) != (arguments.frames is None):
        raise TrainingError('--sheet draws frames of --frames; give both or neither')
    if arguments.sheet is not None and arguments.sheet.suffix not in ('.jpg', '.png'):
        raise TrainingError(f"--sheet '{arguments.sheet}' must end in .jpg or .png")
    runs = {folder: summarise_run(folder) for folder in arguments.runs}
    print(markdown_table(list(runs.values())))
    if arguments.sheet is not None:
        ordered = sorted(runs, key=lambda folder: -runs[folder].miou)
        draw_sheet(arguments.sheet, ordered, arguments.frames, limit=SHEET_FRAMES)
    write_json(arguments.json, [asdict(item) for item in runs.values()])
    return 0
