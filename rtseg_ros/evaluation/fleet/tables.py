# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The tables that questions are asked of: ``bags.parquet`` and ``frames.parquet``."""

from collections.abc import Iterable, Mapping, Sequence
import os
from pathlib import Path
from typing import Any

from rtseg_ros.output_files import replace_files

_TEXT = ('outcome', 'reason')
_INTEGERS = ('frame', 'stamp_ns')
_BAG_FIGURES = ('miou', 'pixel_accuracy', 'boundary_f_score', 'confidence', 'mask_agreement',
                'against')  # fmt: skip


def library() -> tuple[Any, Any]:
    """Return pyarrow and pyarrow.parquet, which only fleets need."""
    import pyarrow
    import pyarrow.parquet

    return pyarrow, pyarrow.parquet


def frames_content(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return the rows of one bag as a Parquet file."""
    arrow, parquet = library()
    types = {name: arrow.string() for name in _TEXT} | {name: arrow.int64() for name in _INTEGERS}
    table = arrow.table(
        {
            name: arrow.array(list(values), type=types.get(name, arrow.float64()))
            for name, values in columns.items()
        }
    )
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def write_frames(
    path: Path, parts: Iterable[tuple[str, Mapping[str, str], Path]], tags: Sequence[str]
) -> None:
    """Write the rows of all bags, one bag at a time, so that memory does not grow with them.

    Args:
        path: To write.
        parts: Name, tags and rows' file of each bag.
        tags: Names of the tags.
    """
    arrow, parquet = library()
    part_path = path.with_name(f'{path.name}.part')
    writer = None
    try:
        for name, values, rows in parts:
            table = parquet.read_table(rows)
            columns: dict[str, Any] = {'bag': [name] * len(table)}
            columns |= {f'tag_{tag}': [values.get(tag, '')] * len(table) for tag in tags}
            front = arrow.table(
                columns, schema=arrow.schema([(c, arrow.string()) for c in columns])
            )
            for column in table.column_names:
                front = front.append_column(column, table[column])
            if writer is None:
                writer = parquet.ParquetWriter(part_path, front.schema)
            writer.write_table(front)
    except BaseException:
        if writer is not None:
            writer.close()
        part_path.unlink(missing_ok=True)
        raise
    if writer is None:
        path.unlink(missing_ok=True)  # no bag could be used: an old table would tell of others
        return
    writer.close()
    os.replace(part_path, path)


def write_bags(path: Path, bags: Sequence[Mapping[str, Any]], tags: Sequence[str]) -> None:
    """Write one row per bag: path, status, tags and figures.

    Args:
        path: To write.
        bags: As in ``fleet.json``.
        tags: Names of the tags.
    """
    arrow, parquet = library()
    rows = [_row(bag, tags) for bag in bags]
    names = list(dict.fromkeys(name for row in rows for name in row))
    kinds = {'frames': arrow.int64(), 'published': arrow.int64(), 'first_stamp_ns': arrow.int64()}
    texts = {'bag', 'path', 'status', 'reason', 'image_topic', *(f'tag_{tag}' for tag in tags)}
    table = arrow.table(
        {
            name: arrow.array(
                [row.get(name) for row in rows],
                type=arrow.string() if name in texts else kinds.get(name, arrow.float64()),
            )
            for name in names
        }
    )
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink)
    replace_files({path: bytes(sink.getvalue())})


def _row(bag: Mapping[str, Any], tags: Sequence[str]) -> dict[str, Any]:
    found, facts = bag['figures'], bag['facts']
    row: dict[str, Any] = {name: bag[name] for name in ('bag', 'path', 'status', 'reason')}
    row |= {f'tag_{tag}': bag['tags'].get(tag, '') for tag in tags}
    accounting = found.get('accounting', {})
    row |= {
        'image_topic': facts.get('image_topic'),
        'first_stamp_ns': facts.get('first_stamp_ns'),
        'duration_s': facts.get('duration_s'),
        'seconds': bag['seconds'],
        'frames': accounting.get('received', 0),
        'published': accounting.get('published', 0),
    }
    row |= {name: found.get(name) for name in _BAG_FIGURES}
    total = found.get('latency_ms', {}).get('total', {})
    row |= {f'latency_{name}_ms': total.get(name) for name in ('p50', 'p95', 'p99', 'max')}
    row |= {f'iou_{name}': value for name, value in found.get('iou', {}).items()}
    row |= {f'share_{name}': value for name, value in found.get('class_shares', {}).items()}
    return row
