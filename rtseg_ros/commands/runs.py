"""``rtseg runs``: compare training runs in a table."""

import argparse
from dataclasses import asdict
import json
from pathlib import Path

from rtseg_ros.output_files import check_output_file
from rtseg_ros.training.summary import markdown_table, summarise_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('runs', type=Path, nargs='+', metavar='RUN', help='folder of rtseg train')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures here')


def run(arguments: argparse.Namespace) -> int:
    """Print the table as Markdown."""
    check_output_file(arguments.json)
    runs = [summarise_run(folder) for folder in arguments.runs]
    print(markdown_table(runs))
    if arguments.json:
        text = json.dumps([asdict(item) for item in runs], indent=2)
        arguments.json.write_text(text + '\n', encoding='utf-8')
    return 0
