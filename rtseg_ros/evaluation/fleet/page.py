# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``fleet.html``: which model on which robot in which light, and where it was worst."""

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from markupsafe import Markup
import numpy as np

from rtseg_ros.evaluation.fleet.one_bag import CONFIDENCE, MIOU
from rtseg_ros.evaluation.fleet.results import Results, merged
from rtseg_ros.evaluation.fleet.state import FleetState
from rtseg_ros.evaluation.fleet.tables import library
from rtseg_ros.evaluation.fleet.task import DONE, FAILED
from rtseg_ros.evaluation.report.html import rendered
from rtseg_ros.evaluation.report.plots import latency_histogram_svg, shares_svg, trend_svg
from rtseg_ros.evaluation.report.sections import NONE, Tile, Words
from rtseg_ros.labels import LabelSet
from rtseg_ros.output_files import write_text

NAME = 'fleet.html'
WORST_BAGS = 10
WORST_MOMENTS = 12
_BARS = 50
# Figures of the tables, with their names in words.
_FIGURES = {
    'miou': 'mIoU',
    'pixel_accuracy': 'pixel accuracy',
    'confidence': 'confidence',
    'mask_agreement': 'agreement',
    'against': 'like the other model',
}
_WHAT = {
    'miou': 'overlap of prediction and truth over their union, mean over the classes',
    'pixel_accuracy': 'share of labelled pixels that are right',
    'confidence': 'mean over all pixels, of how sure the model is',
    'mask_agreement': 'share of pixels that keep their class from mask to mask',
    'against': 'share of pixels that both models label alike',
}


@dataclass(frozen=True)
class Row:
    """One line of a table: a name, how many bags and frames, and its figures in words."""

    name: str
    bags: int
    frames: int
    cells: list[str]


@dataclass(frozen=True)
class ShownMoment:
    """A picture: of which bag and frame, its score in words, and where its bytes are."""

    bag: str
    frame: int
    score: str
    source: str


@dataclass(frozen=True)
class View:
    """What the page shows; ``by`` names the figure of the worst, ``labels`` are the pictures'."""

    title: str
    subtitle: str
    alerts: list[str]
    tiles: list[Tile]
    columns: list[str]
    tags: list[tuple[str, list[Row]]]
    by: str
    labels: LabelSet | None
    worst: list[Row]
    moments: list[ShownMoment]
    plots: list[tuple[str, str, Markup]]
    lost: list[tuple[str, str, str]]
    facts: Words


def write_fleet_page(
    output: Path,
    fleet: Mapping[str, Any],
    states: Mapping[str, dict[str, Any]],
    total: FleetState | None,
) -> Path:
    """Write the page of a fleet into its folder; it opens anywhere, without a network.

    Args:
        output: Of the fleet; has the pictures and rows of its bags.
        fleet: As ``fleet.json`` holds it.
        states: Of the bags that were added up, by name.
        total: Their sum; None if there are none.
    """
    path = output / NAME
    write_text(path, rendered('fleet.html.j2', view=_view(output, fleet, states, total)))
    return path


def _view(
    output: Path,
    fleet: Mapping[str, Any],
    states: Mapping[str, dict[str, Any]],
    total: FleetState | None,
) -> View:
    figures, statuses = fleet['figures'], fleet['statuses']
    usable = [bag for bag in fleet['bags'] if bag['status'] != FAILED]
    shown = [name for name in _FIGURES if figures.get(name) is not None]
    by = 'miou' if 'miou' in shown else 'confidence'
    ranked = sorted(
        (bag for bag in usable if bag['figures'].get(by) is not None),
        key=lambda bag: bag['figures'][by],
    )
    created = fleet['created'][:16].replace('T', ' ')
    alerts = [f'Not complete: {fleet["stopped_by"]}'] if fleet['stopped_by'] else []
    if statuses.get(FAILED):
        alerts.append(f'{statuses[FAILED]} bags could not be used, see below.')
    return View(
        title=f'{fleet["model"]["file"]} on {len(fleet["bags"])} bags',
        subtitle=f'{created} UTC, rtseg_ros {fleet["version"]}',
        alerts=alerts,
        tiles=_tiles(fleet, shown),
        columns=[_FIGURES[name] for name in shown],
        tags=[
            (tag, [_row(value, group, shown) for value, group in values.items()])
            for tag, values in fleet['by_tag'].items()
        ],
        by=_FIGURES[by],
        labels=None if total is None else total.classes,
        worst=[_row(bag['bag'], bag, shown) for bag in ranked[:WORST_BAGS]],
        moments=_moments(output, usable, MIOU if by == 'miou' else CONFIDENCE),
        plots=[] if total is None else _plots(output, usable, states, total),
        lost=[
            (bag['bag'], bag['status'], bag['reason'])
            for bag in fleet['bags']
            if bag['status'] != DONE
        ],
        facts=_facts(fleet),
    )


def _tiles(fleet: Mapping[str, Any], shown: Sequence[str]) -> list[Tile]:
    statuses = ', '.join(f'{count} {status}' for status, count in fleet['statuses'].items())
    frames = fleet['figures'].get('accounting', {})
    tiles = [Tile('bags', str(len(fleet['bags'])), statuses)]
    tiles.append(
        Tile(
            'frames with a mask',
            str(frames.get('published', 0)),
            f'of {frames.get("received", 0)}',
        )
    )
    for name in shown:
        interval = fleet['intervals'].get(name)
        over_bags = f'; 95 % interval over bags {_interval(interval)}' if interval else ''
        value = _percent(fleet['figures'][name])
        tiles.append(Tile(_FIGURES[name], value, _WHAT[name] + over_bags))
    if total := fleet['figures'].get('latency_ms', {}).get('total'):
        what = f'p99 {total["p99"]:.1f} ms; on the machines that ran it'
        tiles.append(Tile('latency p50', f'{total["p50"]:.1f} ms', what))
    return tiles


def _row(name: str, group: Mapping[str, Any], shown: Sequence[str]) -> Row:
    figures, intervals = group['figures'], group.get('intervals', {})
    cells = []
    for figure in shown:
        text = _percent(figures.get(figure))
        if intervals.get(figure):
            text += f' ({_interval(intervals[figure])})'
        cells.append(text)
    frames = figures.get('accounting', {}).get('published', 0)
    return Row(name or '(none)', group.get('bags', 1), frames, cells)


def _moments(output: Path, bags: Sequence[Mapping[str, Any]], what: str) -> list[ShownMoment]:
    results = Results(output)
    found = sorted(
        (moment['score'], bag['bag'], moment['frame'], moment['file'])
        for bag in bags
        for moment in bag['moments']
        if moment['what'] == what
    )
    shown = []
    for score, bag, frame, file in found[:WORST_MOMENTS]:
        data = (results.folder(bag) / file).read_bytes()
        source = f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'
        shown.append(ShownMoment(bag, frame, f'{what} {_percent(score)}', source))
    return shown


def _plots(
    output: Path,
    usable: Sequence[Mapping[str, Any]],
    states: Mapping[str, dict[str, Any]],
    total: FleetState,
) -> list[tuple[str, str, Markup]]:
    """Draw the distributions and the trend; matplotlib has escaped the words in them."""
    plots = []
    if 'total' in total.latencies.stages:
        svg = latency_histogram_svg(total.latencies.stages['total'])
        plots.append(('Latency', 'How many frames took how long.', svg))
    confidence = _confidences(output / 'frames.parquet')
    if confidence.any():
        svg = shares_svg(np.linspace(0, 1, _BARS + 1), confidence, x_label='confidence of a frame',
                         name='confidence')  # fmt: skip
        plots.append(('Confidence', 'How sure the model was of how many frames.', svg))
    days = _by_day(usable, states)
    if len(days) > 1:
        curves: dict[str, list[float | None]] = {}
        for name in ('miou', 'confidence', 'mask_agreement'):
            values = [state.figures()[name] for state in days.values()]
            if any(value is not None for value in values):
                curves[_FIGURES[name]] = values
        what = 'By the day of the first stamp of each bag, in UTC.'
        plots.append(('Trend', what, trend_svg(list(days), curves)))
    return [(title, what, Markup(svg)) for title, what, svg in plots]


def _confidences(path: Path) -> np.ndarray:
    """Return how many frames have which confidence, (_BARS,) int64, reading it bag by bag."""
    counts = np.zeros(_BARS, np.int64)
    file = library()[1].ParquetFile(path)
    for part in file.iter_batches(columns=['confidence']):
        known = np.array([value for value in part['confidence'].to_pylist() if value is not None])
        counts += np.histogram(known, _BARS, (0, 1))[0]
    return counts


def _by_day(
    usable: Sequence[Mapping[str, Any]], states: Mapping[str, dict[str, Any]]
) -> dict[str, FleetState]:
    of_day: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for bag in usable:
        if stamp_ns := bag['facts'].get('first_stamp_ns'):
            day = datetime.fromtimestamp(stamp_ns / 1e9, timezone.utc).date().isoformat()
            of_day[day].append(states[bag['bag']])
    return {day: merged(of_day[day]) for day in sorted(of_day)}


def _facts(fleet: Mapping[str, Any]) -> Words:
    machine, settings = fleet['machine'], fleet['settings']
    facts = [
        ('model', f'{fleet["model"]["file"]}, sha256 {fleet["model"]["sha256"]}'),
        ('engine', settings['engine']),
        ('driver', f'{machine["processor"]}, {machine["cores"]} cores'),
    ]
    if fleet['against']:
        facts.insert(1, ('other model', fleet['against']['file']))
    return facts


def _percent(value: float | None) -> str:
    return NONE if value is None else f'{100 * value:.2f} %'


def _interval(interval: Sequence[float]) -> str:
    low, high = (100 * bound for bound in interval)
    return f'{low:.2f} to {high:.2f}'
