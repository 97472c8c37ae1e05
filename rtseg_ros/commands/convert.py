# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg convert``: a training checkpoint becomes a model file, a model file a TensorRT plan."""

import argparse
import sys
from typing import Any

from rtseg_ros.argument_types import output_file
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ParityError
from rtseg_ros.options import add_options, settings_from_options
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import StageBars, Staged
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

TENSORRT = 'tensorrt_'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add_options(parser, ConversionSettings, positional='checkpoint', short=('output',))
    group = parser.add_argument_group(
        'engine', 'for --engine: the options that the node will have'
    )
    add_options(group, TensorRtOptions, prefix=TENSORRT)
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the figures here'
    )


def run(args: argparse.Namespace) -> int:
    """Convert, build, or both, and say what came of it."""
    from rtseg_ros.conversion.plan import build_model_plan, only_engine

    settings = settings_from_options(args, ConversionSettings)
    options = settings_from_options(args, TensorRtOptions, prefix=TENSORRT)
    figures: dict[str, Any] = {}
    model = settings.checkpoint
    try:
        with StageBars('step') as bars:
            if not only_engine(settings, options):
                figures, model = _converted(settings, bars), settings.output
            if settings.engine:
                built = build_model_plan(model, options, _shown_by(bars))
                bars.print(built.summary())
                figures['engine'] = built.to_dict()
    except ParityError as error:
        print(f'rtseg convert: {error}', file=sys.stderr)
        return 3
    write_json(args.json, figures)
    return 0


def _converted(settings: ConversionSettings, bars: StageBars) -> dict[str, Any]:
    # Imported here: a robot that only builds plans has no torch.
    from rtseg_ros.conversion.convert import convert

    done = convert(settings, _shown_by(bars))
    for note in done.notes:
        bars.print(note)
    bars.print(done.parity.summary())
    if not done.parity.passed:
        bars.print(f'tolerance {done.parity.tolerance:g} MISSED, written because of --keep-anyway')
    bars.print(f'wrote {done.model} and {done.report.name}')
    return done.to_dict()


def _shown_by(bars: StageBars) -> Staged:
    """Return what shows progress: a line per stage, on a terminal bars of the long ones."""

    def show(stage: str, done: float, total: float | None) -> None:
        if total == 1:
            bars.print(stage)
        elif sys.stderr.isatty():
            bars.move(stage, done, total)
        elif done == total:
            bars.print(f'{stage} {done}/{total}')

    return show
