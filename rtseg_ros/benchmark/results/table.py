"""The results of races as rows: for the terminal, CSV, JSON and Markdown."""

from collections.abc import Sequence
import csv
from dataclasses import asdict, dataclass, fields
import io
import math
from typing import Any

from rtseg_ros.benchmark.race import Result


@dataclass(frozen=True)
class Row:
    """One contender on one subject; None where there is no figure.

    Attributes:
        network: Name in the zoo.
        size: Height x width in pixels.
        contender: What ran it.
        precision: Number format of our model; the others have their own.
        parameters_m: Learned values, in millions.
        gmacs: Multiply-accumulates of one frame, in 1e9.
        ms_p5: Time from uint8 frame to uint8 labels: 5th percentile.
        ms_p50: Median.
        ms_p95: 95th percentile.
        fps: Frames per second at the median.
        gmacs_per_s: Multiply-accumulates per second at the median, in 1e9.
        peak_share: Of the matrix peak measured in the same run, 0..1.
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
    peak_share: float | None
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


def row_from_result(result: Result, *, peak_macs_per_s: float) -> Row:
    """Return the figures of one result."""
    subject, entrant = result.subject, result.entrant
    median_ms = _known(result.percentile(50))
    rate = None if median_ms is None else subject.macs / median_ms * 1000
    return Row(
        network=subject.network,
        size=f'{subject.size_hw[0]}x{subject.size_hw[1]}',
        contender=entrant.name,
        precision=entrant.precision,
        parameters_m=subject.parameters / 1e6,
        gmacs=subject.macs / 1e9,
        ms_p5=_known(result.percentile(5)),
        ms_p50=median_ms,
        ms_p95=_known(result.percentile(95)),
        fps=None if median_ms is None else 1000 / median_ms,
        gmacs_per_s=None if rate is None else rate / 1e9,
        peak_share=None if rate is None else rate / peak_macs_per_s,
        miou=subject.miou.get(entrant.precision),
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
    ('Mparam', 'parameters_m', '{:.2f}'),
    ('GMAC', 'gmacs', '{:.2f}'),
    ('ms', 'ms_p50', '{:.1f}'),
    ('p5', 'ms_p5', '{:.1f}'),
    ('p95', 'ms_p95', '{:.1f}'),
    ('FPS', 'fps', '{:.1f}'),
    ('GMAC/s', 'gmacs_per_s', '{:.1f}'),
    ('of peak', 'peak_share', '{:.0%}'),
    ('mIoU', 'miou', '{:.3f}'),
    ('agree', 'agreement', '{:.4f}'),
    ('MiB', 'memory_mib', '{:.0f}'),
    ('load s', 'load_s', '{:.1f}'),
    ('cached', 'load_again_s', '{:.1f}'),
    ('n', 'frames', '{}'),
)


def _cells(row: Row) -> list[str]:
    values = [(getattr(row, field), form) for _, field, form in _COLUMNS]
    return ['-' if value is None else form.format(value) for value, form in values]


def text_table(rows: Sequence[Row]) -> str:
    """Lay the rows out for a terminal; contenders that failed are named below."""
    lines = [[heading for heading, _, _ in _COLUMNS], *[_cells(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_COLUMNS))]
    text = []
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:4], widths[:4], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[4:], widths[4:], strict=True)]
        text.append('  '.join([*left, *right]))
    text += [f'{row.network} {row.size}: {row.error}' for row in rows if row.error]
    return '\n'.join(text)


def markdown_table(rows: Sequence[Row]) -> str:
    """Lay the rows out as a Markdown table; contenders that failed are named below."""
    headings = [heading for heading, _, _ in _COLUMNS]
    marks = ['---'] * 4 + ['---:'] * (len(_COLUMNS) - 4)
    lines = [headings, marks, *[_cells(row) for row in rows]]
    text = ['| ' + ' | '.join(line) + ' |' for line in lines]
    failed = [f'- {row.network} {row.size}: {row.error}' for row in rows if row.error]
    return '\n'.join([*text, *([''] if failed else []), *failed])


def csv_text(rows: Sequence[Row]) -> str:
    """Return all fields as CSV, one column per stage; empty where there is no figure."""
    stages = sorted({stage for row in rows for stage in row.stages_ms})
    plain = [item.name for item in fields(Row) if item.name != 'stages_ms']
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow([*plain, *[f'{stage}_ms' for stage in stages]])
    for row in rows:
        values: list[Any] = [getattr(row, name) for name in plain]
        values += [row.stages_ms.get(stage) for stage in stages]
        writer.writerow(['' if value is None else value for value in values])
    return buffer.getvalue()


def json_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain types."""
    return [asdict(row) for row in rows]
