# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The results of races as rows: for the terminal, CSV, JSON and Markdown."""

from collections.abc import Mapping, Sequence
import csv
from dataclasses import asdict, dataclass, fields
import io
import math
from typing import Any

from rtseg_ros.benchmark.contenders.contender import accuracy_key
from rtseg_ros.benchmark.race import Result


@dataclass(frozen=True)
class Row:
    """One contender on one subject; None where there is no figure.

    Attributes:
        network: Name in the zoo.
        size: Height x width in pixels; of the frames too, where they have another.
        contender: What ran it.
        precision: Number format of our model; the others have their own.
        parameters_m: Learned values, in millions.
        gmacs: Multiply-accumulates of one frame, in 1e9.
        ms_p5: Time from uint8 frame to uint8 labels: 5th percentile.
        ms_p50: Median.
        ms_p95: 95th percentile.
        fps: Frames per second at the median.
        gmacs_per_s: Multiply-accumulates per second at the median, in 1e9.
        peak_shares: Of the matrix peak of each precision measured in the same run, 0..1.
        runs_in: Precision of the layers of ours, as read back; empty of the others.
        miou: Mean IoU of the trained weights in this precision, 0..1.
        agreement: Share of pixels labelled as by the first contender, 0..1.
        memory_mib: Largest resident memory of the process, libraries included.
        load_s: Time to be made and to label its first frames, libraries included.
        load_again_s: The same from its cache of compiled models, where it keeps one.
        frames: Number of timed frames.
        stages_ms: Median time of each stage.
        error: Why there is no figure.
    """

    network: str
    size: str
    contender: str
    precision: str
    parameters_m: float
    gmacs: float
    ms_p5: float | None
    ms_p50: float | None
    ms_p95: float | None
    fps: float | None
    gmacs_per_s: float | None
    peak_shares: dict[str, float]
    runs_in: str
    miou: float | None
    agreement: float | None
    memory_mib: float | None
    load_s: float | None
    load_again_s: float | None
    frames: int
    stages_ms: dict[str, float]
    error: str


@dataclass(frozen=True)
class NodeFigures:
    """Our node beside the plain one, on one subject.

    Attributes:
        subject: Network, size, and how our node ran.
        ours_fps: Masks per second over all turns.
        plain_fps: The same of the plain node.
        ours_best_fps: In the best turn.
        plain_best_fps: The same of the plain node.
        ours_latency_ms: Median, from publishing an image to receiving its mask.
        ours_p95_ms: The same, 95th percentile.
        plain_latency_ms: The median of the plain node.
        ours_memory_mib: Largest resident memory of the process.
        plain_memory_mib: The same of the plain node.
        agreement: Share of pixels that both label alike, 0..1.
        stages_ms: Median time of each stage of our node; empty where no report came in time.
    """

    subject: str
    ours_fps: float
    plain_fps: float
    ours_best_fps: float
    plain_best_fps: float
    ours_latency_ms: float
    ours_p95_ms: float
    plain_latency_ms: float
    ours_memory_mib: float
    plain_memory_mib: float
    agreement: float
    stages_ms: dict[str, float]


def row_from_result(result: Result, *, peaks: Mapping[str, float]) -> Row:
    """Return the figures of one result.

    Args:
        result: From ``race``.
        peaks: Matrix peaks by precision, in multiply-accumulates per second.
    """
    subject, entrant = result.subject, result.entrant
    median_ms = _known(result.percentile(50))
    rate = None if median_ms is None else subject.macs / median_ms * 1000
    return Row(
        network=subject.network,
        size=subject.size_text,
        contender=entrant.name,
        precision=entrant.precision,
        parameters_m=subject.parameters / 1e6,
        gmacs=subject.macs / 1e9,
        ms_p5=_known(result.percentile(5)),
        ms_p50=median_ms,
        ms_p95=_known(result.percentile(95)),
        fps=None if median_ms is None else 1000 / median_ms,
        gmacs_per_s=None if rate is None else rate / 1e9,
        peak_shares={} if rate is None else {kind: rate / peak for kind, peak in peaks.items()},
        runs_in=result.runs_in,
        miou=subject.miou.get(accuracy_key(entrant.name, entrant.precision)),
        agreement=result.agreement,
        memory_mib=_known(result.peak_memory_mib),
        load_s=_known(result.load_s),
        load_again_s=_known(result.load_again_s),
        frames=len(result.runs.total_ms),
        stages_ms=result.stage_ms(),
        error=result.error,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


# Heading, field and format of the columns of the printed table.
_COLUMNS = (
    ('network', 'network', '{}'),
    ('size', 'size', '{}'),
    ('contender', 'contender', '{}'),
    ('prec.', 'precision', '{}'),
    ('runs in', 'runs_in', '{}'),
    ('Mparam', 'parameters_m', '{:.2f}'),
    ('GMAC', 'gmacs', '{:.2f}'),
    ('ms', 'ms_p50', '{:.1f}'),
    ('p5', 'ms_p5', '{:.1f}'),
    ('p95', 'ms_p95', '{:.1f}'),
    ('FPS', 'fps', '{:.1f}'),
    ('GMAC/s', 'gmacs_per_s', '{:.1f}'),
    ('mIoU', 'miou', '{:.3f}'),
    ('agree', 'agreement', '{:.4f}'),
    ('MiB', 'memory_mib', '{:.0f}'),
    ('load s', 'load_s', '{:.1f}'),
    ('cached', 'load_again_s', '{:.1f}'),
    ('n', 'frames', '{}'),
)
_TEXTS = 5  # columns that are aligned to the left


def _lines(rows: Sequence[Row]) -> list[list[str]]:
    """Return headings and cells; a column for each precision whose matrix peak is known."""
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.peak_shares))
    headings = [heading for heading, _, _ in _COLUMNS] + [f'of {kind}' for kind in kinds]
    return [headings, *[_cells(row, kinds) for row in rows]]


def _cells(row: Row, kinds: Sequence[str]) -> list[str]:
    values = [(getattr(row, field), form) for _, field, form in _COLUMNS]
    values += [(row.peak_shares.get(kind), '{:.0%}') for kind in kinds]
    return ['-' if value in (None, '') else form.format(value) for value, form in values]


def text_table(rows: Sequence[Row]) -> str:
    """Lay the rows out for a terminal; contenders that failed are named below."""
    lines = _lines(rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:_TEXTS], widths, strict=False)]
        right = [
            cell.rjust(width) for cell, width in zip(line[_TEXTS:], widths[_TEXTS:], strict=True)
        ]
        text.append('  '.join([*left, *right]))
    text += [f'{row.network} {row.size}: {row.error}' for row in rows if row.error]
    return '\n'.join(text)


def markdown_table(rows: Sequence[Row]) -> str:
    """Lay the rows out as a Markdown table; contenders that failed are named below."""
    headings, *cells = _lines(rows)
    marks = ['---'] * _TEXTS + ['---:'] * (len(headings) - _TEXTS)
    lines = [headings, marks, *cells]
    text = ['| ' + ' | '.join(line) + ' |' for line in lines]
    failed = [f'- {row.network} {row.size}: {row.error}' for row in rows if row.error]
    return '\n'.join([*text, *([''] if failed else []), *failed])


def csv_text(rows: Sequence[Row]) -> str:
    """Return all fields as CSV, one column per stage and peak; empty where there is no figure."""
    stages = sorted({stage for row in rows for stage in row.stages_ms})
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.peak_shares))
    plain = [item.name for item in fields(Row) if item.name not in ('stages_ms', 'peak_shares')]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    names = [f'{stage}_ms' for stage in stages] + [f'share_of_{kind}_peak' for kind in kinds]
    writer.writerow([*plain, *names])
    for row in rows:
        values: list[Any] = [getattr(row, name) for name in plain]
        values += [row.stages_ms.get(stage) for stage in stages]
        values += [row.peak_shares.get(kind) for kind in kinds]
        writer.writerow(['' if value is None else value for value in values])
    return buffer.getvalue()


def json_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain types."""
    return [asdict(row) for row in rows]
