# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg evaluate``: how accurate and how fast a model is, from a bag or a data set."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg_ros.argument_types import (
    count_or_none,
    output_file,
    output_folder,
    rate_hz,
    threads,
    topic_name,
    within,
)
from rtseg_ros.engines import ENGINES
from rtseg_ros.errors import EvaluationError
from rtseg_ros.evaluation.report.summary import summary_line
from rtseg_ros.evaluation.thresholds import HELP, Requirement, failures, requirement_from_text
from rtseg_ros.frames.bag_options import GENERIC_ORDERS
from rtseg_ros.frames.media.compressed_format import LOST
from rtseg_ros.frames.retime import MAX_GAP_S
from rtseg_ros.options import add_options, settings_from_options
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import FleetBars, StageBars
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from rtseg_ros.evaluation.session import Evaluated, EvaluationSettings
    from rtseg_ros.frames.sources import Source

MISSED = 3
NOTHING_USABLE = 4
OPENVINO = 'openvino_'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'model', nargs='?', default=DEFAULT_MODEL, help='.onnx file or shipped name'
    )
    data = parser.add_argument_group('frames and ground truth')
    data.add_argument('--bag', help='bag: a folder, or a .mcap, .db3 or (ROS 1) .bag file')
    data.add_argument(
        '--image-topic', type=topic_name, default='', help='needed if the bag has several cameras'
    )
    data.add_argument(
        '--labels-topic', type=topic_name, default='',
        help='label images; labels_gt beside the images if not given',
    )  # fmt: skip
    data.add_argument('--labels', default='', help='label set of the bag, if it has no LabelInfo')
    data.add_argument(
        '--dataset', help='camvid, cityscapes, cityscapes_coarse or a label-set YAML'
    )
    data.add_argument('--root', help='folder of the data set')
    data.add_argument('--split', default='val', help='split of the data set')
    data.add_argument(
        '--labels-colors', action='store_true',
        help="the bag's label images show the colours of --labels, not class ids",
    )  # fmt: skip
    data.add_argument(
        '--pair-ms', type=within(float, 0, 1000), default=0.0,
        help='how far the stamps of an image and its labels may differ; 0: not at all',
    )  # fmt: skip
    data.add_argument(
        '--max-gap', type=within(float, 0.1, 86400), default=MAX_GAP_S,
        help='seconds; longer steps between images are jumps of the clock, or pauses to shorten',
    )  # fmt: skip
    data.add_argument(
        '--generic-order', choices=GENERIC_ORDERS, default='bgr',
        help='of the colours in images of 8UC3 and its like, which do not name it',
    )  # fmt: skip
    data.add_argument('--mapping', help='YAML class mapping, if the label sets differ')
    data.add_argument(
        '--limit', type=count_or_none, default=0,
        help='stop after so many frames; 0: none',
    )  # fmt: skip
    fleet = parser.add_argument_group('many bags, with the extra [fleet]; docs/fleet.md')
    fleet.add_argument(
        '--bags', nargs='+', metavar='BAG',
        help="globs ('fleet/**'), folders, bags, .txt files of paths; each bag is one task",
    )  # fmt: skip
    fleet.add_argument('--workers', type=threads, default=0, help='processes; 0: one per core')
    fleet.add_argument(
        '--ray', nargs='?', const='auto', default='', metavar='ADDRESS',
        help='run on this Ray cluster instead; without an address, on the one of this machine',
    )  # fmt: skip
    fleet.add_argument(
        '--bag-timeout', type=within(float, 0, 10**7), default=0.0, metavar='SECONDS',
        help='longest time for one bag; 0: none',
    )  # fmt: skip
    fleet.add_argument(
        '--retries', type=within(int, 0, 100), default=1,
        help='how often a bag that killed its worker, or took too long, is tried again',
    )  # fmt: skip
    fleet.add_argument(
        '--verify-content', action='store_true',
        help='read whole bags to see whether they changed, not only the ends of their files',
    )  # fmt: skip
    fleet.add_argument(
        '--tags', default='', help="'fleet/{robot}/{day}/*', or a .csv with a column 'bag'"
    )
    fleet.add_argument('--against', default='', metavar='MODEL', help='compare masks with these')
    fleet.add_argument(
        '--select', type=count_or_none, default=0, metavar='N',
        help='write the N frames that a person should label next into OUTPUT/to_label',
    )  # fmt: skip
    live = parser.add_argument_group('live, with ROS 2')
    live.add_argument(
        '--live', action='store_true', help='play the bag into the real node over DDS'
    )
    live.add_argument(
        '--rate', type=rate_hz, default=0.0,
        help='images per second; 0: as recorded',
    )  # fmt: skip
    live.add_argument(
        '--search-rate', action='store_true',
        help='then search the highest rate at which less than 5 %% of the images get no mask',
    )  # fmt: skip
    live.add_argument(
        '--patience', type=within(float, 0.1, 600), default=5.0,
        help='seconds after which a mask counts as lost',
    )  # fmt: skip
    engine = parser.add_argument_group('what runs the model')
    engine.add_argument('--engine', default='onnxruntime', choices=ENGINES)
    engine.add_argument(
        '--providers', nargs='+', default=['CPUExecutionProvider'], help='of ONNX Runtime'
    )
    engine.add_argument(
        '--threads', type=threads, default=0,
        help='of one inference in ONNX Runtime; 0: one per core',
    )  # fmt: skip
    add_options(engine, OpenVinoOptions, prefix=OPENVINO)
    result = parser.add_argument_group('result')
    result.add_argument(
        '-o', '--output', type=output_folder, default=Path('report'), help='folder of the report'
    )
    result.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write report.json here'
    )
    result.add_argument(
        '--require', metavar='FIGURE=VALUE', action='append', default=[],
        help=f'exit with {MISSED} if missed; may be given several times; {HELP}',
    )  # fmt: skip
    result.add_argument(
        '--allow-empty', action='store_true',
        help=f'no exit status {NOTHING_USABLE} if no frame, or none of the ground truth, is used',
    )  # fmt: skip
    result.add_argument('--no-boundary', action='store_true', help='skip the boundary F-score')
    result.add_argument(
        '--calibrate', action='store_true',
        help='first fit the temperature of the confidence and store it in the model file',
    )  # fmt: skip
    result.add_argument(
        '--compare', nargs=2, metavar='REPORT',
        help='compare two report.json, write compare.html and do nothing else',
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Evaluate or compare."""
    from rtseg_ros.evaluation.session import EvaluationSettings, evaluate_offline

    if arguments.compare:
        return _compare(arguments)
    requirements = [requirement_from_text(text) for text in arguments.require]
    if arguments.bags:
        return _fleet(arguments, requirements)
    source = _source(arguments)
    settings = EvaluationSettings(
        model=arguments.model,
        output=Path(arguments.output),
        engine=arguments.engine,
        providers=tuple(arguments.providers),
        threads=arguments.threads,
        openvino=settings_from_options(arguments, OpenVinoOptions, prefix=OPENVINO),
        mapping=arguments.mapping or '',
        boundary=not arguments.no_boundary,
        limit=arguments.limit,
    )
    with StageBars('frame', units={'play': 'mask'}) as bars:
        if arguments.live:
            evaluated = _live(arguments, settings, source, bars)
        else:
            evaluated = evaluate_offline(
                settings,
                source,
                with_calibration=arguments.calibrate,
                say=bars.print,
                progress=bars.move,
            )
    _finish(evaluated.report, settings.output, arguments.json)
    if evaluated.error is not None:
        raise evaluated.error
    return _verdict(evaluated.report, requirements, allow_empty=arguments.allow_empty)


def _live(
    arguments: argparse.Namespace,
    settings: 'EvaluationSettings',
    source: 'Source',
    bars: StageBars,
) -> 'Evaluated':
    from rtseg_ros.frames.bag_source import BagSource

    if not isinstance(source, BagSource):
        raise EvaluationError('--live plays a bag; make one of the data set with rtseg bag')
    if arguments.calibrate:
        raise EvaluationError('--calibrate works without --live')
    from rtseg_ros.harness.live_session import Playing, evaluate_live  # only this needs ROS

    playing = Playing(
        bag=arguments.bag,
        rate_hz=arguments.rate,
        search=arguments.search_rate,
        patience_s=arguments.patience,
        pair_ms=arguments.pair_ms,
        max_gap_s=arguments.max_gap,
        generic_order=arguments.generic_order,
    )
    return evaluate_live(settings, playing, source, progress=bars.move)


def _fleet(arguments: argparse.Namespace, requirements: list[Requirement]) -> int:
    if arguments.bag or arguments.dataset or arguments.live or arguments.calibrate:
        raise EvaluationError('--bags works without --bag, --dataset, --live and --calibrate')
    from rtseg_ros.evaluation.fleet.find import find_bags
    from rtseg_ros.evaluation.fleet.run import (
        FleetSettings,
        evaluate_fleet,
        fleet_summary,
        load_model,
    )
    from rtseg_ros.evaluation.fleet.select import select_frames
    from rtseg_ros.evaluation.fleet.tags import read_tags
    from rtseg_ros.evaluation.fleet.task import FAILED, TaskSettings
    from rtseg_ros.labels import load_label_set
    from rtseg_ros.labels.mapping import read_mapping

    bags = find_bags(arguments.bags)
    settings = TaskSettings(
        image_topic=arguments.image_topic,
        labels_topic=arguments.labels_topic,
        labels=load_label_set(arguments.labels) if arguments.labels else None,
        labels_colors=arguments.labels_colors,
        pair_ns=round(arguments.pair_ms * 1e6),
        max_gap_s=arguments.max_gap,
        generic_order=arguments.generic_order,
        mapping=read_mapping(arguments.mapping) if arguments.mapping else None,
        boundary=not arguments.no_boundary,
        limit=arguments.limit,
        engine=arguments.engine,
        providers=tuple(arguments.providers),
        threads=arguments.threads,
        openvino=settings_from_options(arguments, OpenVinoOptions, prefix=OPENVINO),
    )
    with FleetBars() as bars:
        fleet = evaluate_fleet(
            bags,
            model=load_model(arguments.model),
            against=load_model(arguments.against) if arguments.against else None,
            settings=settings,
            how=FleetSettings(
                workers=arguments.workers,
                ray=arguments.ray,
                timeout_s=arguments.bag_timeout,
                retries=arguments.retries,
                verify_content=arguments.verify_content,
            ),
            tags=read_tags(arguments.tags, bags) if arguments.tags else {},
            output=arguments.output,
            watcher=bars,
        )
    report = fleet.report
    if arguments.select and fleet.error is None:
        folder, count = select_frames(arguments.output, report, arguments.select, arguments.model)
        print(f'{count} of {arguments.select} frames to label: {folder}')
    write_json(arguments.json, report)
    for line in fleet_summary(report):
        print(line)
    print(arguments.output / 'fleet.html')
    if fleet.error is not None:
        raise fleet.error
    missed = failures(report['figures'], requirements) if report['figures'] else []
    for verdict in missed:
        print(f'missed: {verdict.text}')
    if missed:
        return MISSED
    return NOTHING_USABLE if report['statuses'].get(FAILED) and not arguments.allow_empty else 0


def _source(arguments: argparse.Namespace) -> 'Source':
    from rtseg_ros.frames.bag_source import BagSource
    from rtseg_ros.frames.datasets import load_dataset
    from rtseg_ros.frames.sources import DatasetSource
    from rtseg_ros.labels import load_label_set

    if bool(arguments.bag) == bool(arguments.dataset):
        raise EvaluationError('give either --bag BAG or --dataset NAME --root DIR')
    if arguments.bag:
        return BagSource(
            arguments.bag,
            image_topic=arguments.image_topic,
            labels_topic=arguments.labels_topic,
            labels=load_label_set(arguments.labels) if arguments.labels else None,
            labels_colors=arguments.labels_colors,
            pair_ns=round(arguments.pair_ms * 1e6),
            max_gap_s=arguments.max_gap,
            generic_order=arguments.generic_order,
        )
    if not arguments.root:
        raise EvaluationError('--dataset needs --root, the folder of the data set')
    return DatasetSource(load_dataset(arguments.dataset, arguments.root, arguments.split))


def _finish(report: dict[str, Any], output: Path, copy: Path | None) -> None:
    write_json(copy, report)
    print(summary_line(report))
    for reason, count in report['reasons'].items():
        if reason.startswith(LOST):  # costs accuracy, and nothing else shows it
            print(f'noticed in {count} of {report["frames"]} frames: {reason}')
    print(output / 'report.html')


def _verdict(report: dict[str, Any], requirements: list[Requirement], *, allow_empty: bool) -> int:
    missed = failures(report, requirements)
    for verdict in missed:
        print(f'missed: {verdict.text}')
    if report['unusable']:
        print(f'nothing usable: {report["unusable"]}')
    if missed:
        return MISSED
    return NOTHING_USABLE if report['unusable'] and not allow_empty else 0


def _compare(arguments: argparse.Namespace) -> int:
    from rtseg_ros.evaluation.compare import compare
    from rtseg_ros.evaluation.fleet.compare import compare_fleets, is_fleet
    from rtseg_ros.evaluation.report.comparison_page import write_comparison

    both = compare_fleets if all(map(is_fleet, arguments.compare)) else compare
    comparison = both(*arguments.compare)
    print(comparison.table())
    print(write_comparison(Path(arguments.output), comparison))
    write_json(arguments.json, comparison.to_dict())
    return 0
