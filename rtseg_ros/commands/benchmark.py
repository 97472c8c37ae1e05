# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg benchmark``: speed against other ways to run a network, all in the same run."""

import argparse
from pathlib import Path
import shlex
import sys

from rtseg_ros.argument_types import add_size, output_file, output_folder, seconds, within
from rtseg_ros.engines import PRECISIONS
from rtseg_ros.errors import BenchmarkError
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import Bar, StageBars

DEFAULT_HW = (360, 480)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'networks', nargs='*',
        help='names (see rtseg models --networks), raced with random weights; neither these nor '
        '--checkpoint: all of them',
    )  # fmt: skip
    parser.add_argument(
        '--checkpoint', nargs='+', default=[], metavar='[NETWORK=]FILE',
        help='trained weights to race: a checkpoint, a fp32 .onnx of rtseg convert or the name of '
        'a shipped model; NETWORK where the file does not say it',
    )  # fmt: skip
    parser.add_argument(
        '--frame-size-hw', nargs=2, type=within(int, 1, 16384), metavar=('H', 'W'),
        help='height and width of the frames in pixels; default: those of the input',
    )  # fmt: skip
    parser.add_argument('--labels', default='', help='label set of checkpoints that lack one')
    parser.add_argument(
        '--frames', default='',
        help='folder of images, or with images and labels in it, or bag; default: made-up scenes',
    )  # fmt: skip
    add_size(
        parser,
        f'height and width of the input in pixels, may be given several times; default: '
        f'{DEFAULT_HW[0]} {DEFAULT_HW[1]}',
    )
    parser.add_argument(
        '--classes', type=within(int, 1, 255), default=19, help='of random weights'
    )
    parser.add_argument(
        '--engine', nargs='+', default=['all'], metavar='NAME',
        help='contenders, see docs/benchmark.md; all: every one that is installed',
    )  # fmt: skip
    parser.add_argument(
        '--precision', nargs='+', default=['fp32'], choices=PRECISIONS,
        help='of our model; int8 needs --checkpoint and --frames',
    )  # fmt: skip
    parser.add_argument('--seconds', type=seconds, default=10.0, help='per contender and size')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu', help='what computes')
    parser.add_argument('--node', action='store_true', help='also whole nodes over DDS')
    parser.add_argument('--scaling', action='store_true', help='also how cost grows')
    parser.add_argument(
        '--upsampling', action='store_true', help='also labels from coarse logits, alone'
    )
    parser.add_argument(
        '--report', action='store_true',
        help='with --engine tensorrt: check TensorRT on this GPU instead, with model files (or '
        'all that are shipped) in place of networks; needs no torch, see docs/tensorrt.md',
    )  # fmt: skip
    parser.add_argument(
        '--which-engine', default='', metavar='MODEL',
        help='compare the engines of this machine on a .onnx file or shipped model, with --frames '
        'and --seconds, and say which one the node should take; needs no torch',
    )  # fmt: skip
    parser.add_argument(
        '--places', action='store_true',
        help='measure points, ground and rectification instead, beside one copy of their size',
    )  # fmt: skip
    parser.add_argument(
        '--targets', action='store_true',
        help='also check the targets that this package set itself, for its documentation',
    )  # fmt: skip
    parser.add_argument(
        '--keep', type=output_folder, metavar='DIR',
        help='folder for converted models, frames and measured accuracy, taken from there the '
        'next time; default: made anew each time',
    )  # fmt: skip
    parser.add_argument('--prepare-only', action='store_true', help='fill --keep and do not race')
    parser.add_argument(
        '-o', '--output', type=output_folder, default=Path('benchmark_output'), help='folder'
    )
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write benchmark.json here'
    )


def run(arguments: argparse.Namespace) -> int:
    """Race, or check TensorRT on real hardware."""
    if arguments.which_engine:
        return _which_engine(arguments)
    if arguments.report:
        return _report(arguments)
    if arguments.places:
        return _places(arguments)
    return _race(arguments)


def _race(arguments: argparse.Namespace) -> int:
    """Race and print the table; 1 if a network could not be raced."""
    from rtseg_ros.benchmark.results.table import text_table
    from rtseg_ros.benchmark.session import BenchmarkSettings, benchmark
    from rtseg_ros.benchmark.subject import Source

    settings = BenchmarkSettings(
        output=arguments.output,
        networks=tuple(arguments.networks),
        checkpoints=tuple(arguments.checkpoint),
        sizes_hw=tuple(tuple(size) for size in arguments.size_hw or [DEFAULT_HW]),
        source=Source(
            labels=arguments.labels,
            num_classes=arguments.classes,
            frames=arguments.frames,
            precisions=tuple(arguments.precision),
            frame_hw=tuple(arguments.frame_size_hw) if arguments.frame_size_hw else None,
        ),
        engines=tuple(arguments.engine),
        seconds=arguments.seconds,
        device=arguments.device,
        node=arguments.node,
        scaling=arguments.scaling,
        upsampling=arguments.upsampling,
        with_targets=arguments.targets,
        keep=arguments.keep,
        prepare_only=arguments.prepare_only,
        command=shlex.join(['rtseg', 'benchmark', *sys.argv[2:]]),
    )
    with StageBars('race', units={'upsampling': 'case', 'scaling': 'point'}) as bars:
        findings = benchmark(settings, say=bars.say, progress=bars.move)
    if settings.prepare_only:
        for failure in findings.failures:
            print(f'not prepared: {failure}')
        return 1 if findings.failures else 0
    write_json(arguments.json, findings.to_dict())
    print(text_table(findings.rows))
    print(findings.peaks_text())
    for target in findings.targets():
        state = 'met' if target.ok else 'NOT MET'
        print(f'{state:8}{target.name}; {target.subject}: {target.text}')
    for failure in findings.failures:
        print(f'not raced: {failure}')
    print(f'wrote benchmark.json, .csv, .md and pictures to {settings.output.resolve()}')
    return 1 if findings.failures else 0


def _which_engine(arguments: argparse.Namespace) -> int:
    from rtseg_ros.benchmark.engines import which_engine
    from rtseg_ros.benchmark.results.engine_table import engine_table

    if arguments.networks or arguments.checkpoint:
        raise BenchmarkError(
            '--which-engine takes one model file and no networks or checkpoints; convert one first'
        )
    with Bar(bar_format='{postfix}', leave=False) as bar:
        comparison = which_engine(
            arguments.which_engine,
            frames=arguments.frames,
            seconds=arguments.seconds,
            say=bar.say,
        )
    print(engine_table(comparison))
    write_json(arguments.json, comparison.to_dict())
    return 0


def _places(arguments: argparse.Namespace) -> int:
    """Measure what points, ground and rectification cost; print and write it."""
    from dataclasses import asdict

    from rtseg_ros.benchmark.places import places, places_table
    from rtseg_ros.installation import use_image_profile
    from rtseg_ros.machine import machine

    use_image_profile()
    with Bar(bar_format='{postfix}', leave=False) as bar:
        rows = places(bar.say)
    print(places_table(rows))
    write_json(arguments.json, {'places': [asdict(row) for row in rows], 'machine': machine()})
    return 0


def _report(arguments: argparse.Namespace) -> int:
    """Check TensorRT, print and write what was seen; 3 if something is not as it should be."""
    from rtseg_ros.benchmark.hardware_report import hardware_report, markdown

    if arguments.engine != ['tensorrt']:
        raise BenchmarkError(
            f'--report checks TensorRT, and --engine is {" ".join(arguments.engine)}; give '
            '--engine tensorrt'
        )
    document = hardware_report(
        arguments.networks, arguments.output, say=lambda text: print(text, flush=True)
    )
    write_json(arguments.json, document)
    print(markdown(document))
    print(f'wrote tensorrt.md and tensorrt.json to {arguments.output.resolve()}')
    return 0 if document['passed'] else 3
