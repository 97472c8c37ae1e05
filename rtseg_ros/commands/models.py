# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg models``: list models and networks, describe a file, measure a receptive field."""

import argparse
import importlib.util
import json
import os
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Any

from rtseg_ros.argument_types import count, output_file, pixels
from rtseg_ros.output_files import write_json
from rtseg_ros.requirements import how_to_get

if TYPE_CHECKING:
    from rtseg_ros.networks.measures.costs import NetworkCosts
    from rtseg_ros.training.results.receptive_field import MeasuredField


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--describe', metavar='MODEL', help='say what a .onnx file is')
    what.add_argument(
        '--networks', action='store_true',
        help='the networks too, with parameters and operations (10 to 20 s: each is counted)',
    )  # fmt: skip
    what.add_argument('--erf', metavar='NAME', help='effective receptive field of a network')
    parser.add_argument(
        '--size-hw', type=pixels, nargs=2, metavar=('H', 'W'),
        help="input size; default: that of the network's paper, or of the checkpoint",
    )  # fmt: skip
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='write the figures here; - for the screen'
    )
    erf = parser.add_argument_group('with --erf')
    erf.add_argument('--checkpoint', type=Path, help='of rtseg train; random weights if not given')
    erf.add_argument('--frames', help='video or folder of images; noise if not given')
    erf.add_argument('--limit', type=count, default=8, metavar='N', help='number of images')


def run(args: argparse.Namespace) -> int:
    """Do what the options say; without --describe and --erf list the models, and networks."""
    size_hw = tuple(args.size_hw) if args.size_hw else None
    result: dict[str, Any]
    # Torch is imported only where it is needed: a machine that runs models has none.
    if args.describe:
        result, lines = _described(args.describe)
    elif args.erf:
        from rtseg_ros.training.results.receptive_field import measure_receptive_field

        measured = measure_receptive_field(
            args.erf,
            checkpoint=args.checkpoint,
            size_hw=size_hw,
            frames=args.frames or '',
            limit=args.limit,
        )
        result, lines = measured.to_dict(), _erf_lines(measured)
    else:
        result, lines = _listed(networks=args.networks or size_hw is not None, size_hw=size_hw)
    if str(args.json) == '-':
        print(json.dumps(result, indent=2))
        return 0
    print('\n'.join(lines))
    write_json(args.json, result)
    return 0


def _described(name_or_path: str) -> tuple[dict[str, Any], list[str]]:
    """Facts of any .onnx file, for machines and as lines."""
    from rtseg_ros.runtime.describe import describe
    from rtseg_ros.runtime.description import description_lines
    from rtseg_ros.runtime.foreign.table import describe_foreign
    from rtseg_ros.runtime.model_file import is_foreign
    from rtseg_ros.runtime.shipped import model_path

    path = model_path(name_or_path)
    if not is_foreign(path):
        result = describe(name_or_path)
        paint = sys.stdout.isatty() and 'NO_COLOR' not in os.environ
        return result, description_lines(result, paint=paint)
    # Imported here: they ask other libraries.
    from rtseg_ros.conversion.foreign.asked import asked_of_libraries

    foreign = describe_foreign(path.read_bytes(), path)
    answers = asked_of_libraries(path)
    lines = [*foreign.lines(), *(f'{name:<14} {answer}' for name, answer in answers.items())]
    return {**foreign.to_dict(), 'asked': answers}, lines


def _listed(
    *, networks: bool, size_hw: tuple[int, int] | None
) -> tuple[dict[str, Any], list[str]]:
    """Shipped models; networks only if asked for, since torch takes its time to count them."""
    from rtseg_ros.runtime.describe import describe_shipped

    shipped = describe_shipped()
    lines = _shipped_table(shipped)
    if not networks:
        found = importlib.util.find_spec('torch') is not None
        how = 'rtseg models --networks' if found else how_to_get('torch', verb='models')
        lines += ['', f'networks to train: {how}']
        return {'shipped': shipped, 'networks': None}, lines
    from rtseg_ros.networks.measures.costs import network_costs

    rows = network_costs(size_hw)
    lines += ['', *_table(rows)]
    return {'shipped': shipped, 'networks': [row.to_dict() for row in rows]}, lines


def _shipped_table(shipped: list[dict[str, Any]]) -> list[str]:
    """Lay out what one chooses a model by."""
    cells: list[tuple[str, ...]] = [
        ('shipped model', 'classes', 'input (HxW)', 'precision', 'MB', 'mIoU', 'on')
    ]
    cells += [
        (
            row['name'],
            str(len(row['classes'])),
            _size(row['size_hw']),
            row['precision'],
            f'{row["bytes"] / 1e6:.1f}',
            '' if row['miou'] is None else f'{row["miou"]:.1%}',
            row['data'] or '',
        )
        for row in shipped
    ]
    if not shipped:
        return ['no model is shipped: this installation was built without (RTSEG_WITHOUT_MODELS)']
    default = next(row['name'] for row in shipped if row['default'])
    return [
        *_columns(cells),
        '',
        f'Taken by default: {default}. More of one, classes and licence among it: rtseg models '
        '--describe NAME',
    ]


def _columns(cells: list[tuple[str, ...]]) -> list[str]:
    """Return rows of text with columns under each other, the first to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return [
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def _table(rows: 'list[NetworkCosts]') -> list[str]:
    """Lay the counts out in columns; the papers' own size and figure where they differ."""
    heads: tuple[str, ...] = (
        'network',
        'classes',
        'parameters',
        'paper',
        'diff',
        'GMAC',
        'at',
        'paper',
        'at',
    )
    cells: list[tuple[str, ...]] = [(*heads, 'ours', 'diff')]
    for row in rows:
        published = row.facts.published_parameters
        cells.append(
            (
                row.name,
                str(row.facts.classes),
                f'{row.parameters:,}',
                f'{published / 1e6:g}M' if published else '',
                _percent(row.parameters_difference),
                f'{row.gmacs:.3f}',
                _size(row.size_hw),
                f'{row.published_gmacs:g}' if row.published_gmacs else '',
                _size(row.facts.published_size_hw),
                f'{row.gmacs_at_published_size:.3f}' if row.published_gmacs else '',
                _percent(row.gmacs_difference),
            )
        )
    lines = _columns(cells)
    lines += ['', 'GMAC: 10^9 multiply-accumulates, transposed convolutions on their input; sizes']
    lines += ['are height x width. Papers that count additions too are halved.']
    return lines + [f'{row.name}: {row.facts.note}.' for row in rows if row.facts.note]


def _percent(share: float | None) -> str:
    return '' if share is None else f'{share:+.1%}'


def _size(size_hw: tuple[int, int] | list[int] | None) -> str:
    return f'{size_hw[0]}x{size_hw[1]}' if size_hw else ''


def _erf_lines(measured: 'MeasuredField') -> list[str]:
    lines = [
        f'{measured.name} at {_size(measured.size_hw)}, weights: {measured.weights}, '
        f'{measured.field.images} images: {measured.frames}',
        f'effective receptive field: {measured.field.horizontal_px:.1f} px horizontal, '
        f'{measured.field.vertical_px:.1f} px vertical '
        '(standard deviation of the strongest 5 %)',
    ]
    if published := measured.published:
        lines.append(
            f'paper, Table 5, trained, 1024x2048: {published.horizontal_px} px horizontal, '
            f'{published.vertical_px} px vertical'
        )
    return lines
