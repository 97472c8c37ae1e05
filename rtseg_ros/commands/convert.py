"""``rtseg convert``: a training checkpoint becomes a model file."""

import argparse
import json
from pathlib import Path
import sys

from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ParityError
from rtseg_ros.settings import add_options, settings_from_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add_options(parser, ConversionSettings, required=('checkpoint', 'output'))
    parser.add_argument('--json', type=Path, default=None, help='also write the figures here')


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was decided and how near the model is to torch."""
    try:
        done = convert(settings_from_options(args, ConversionSettings), _show)
    except ParityError as error:
        print(f'\nrtseg convert: {error}', file=sys.stderr)
        return 3
    for note in done.notes:
        print(note)
    print(done.parity.summary())
    if not done.parity.passed:
        print(f'tolerance {done.parity.tolerance:g} MISSED, written because of --keep-anyway')
    print(f'wrote {done.model} and {done.report.name}')
    if args.json:
        args.json.write_text(json.dumps(done.to_dict(), indent=2) + '\n', encoding='utf-8')
    return 0


def _show(stage: str, done: int, total: int) -> None:
    """Show progress: one line per stage, counted in place on a terminal."""
    if total == 1:
        print(stage, flush=True)
    elif sys.stdout.isatty():
        print(f'\r{stage} {done}/{total}', end='\n' if done == total else '', flush=True)
    elif done == total:
        print(f'{stage} {done}/{total}', flush=True)
