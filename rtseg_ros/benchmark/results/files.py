# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The files of a benchmark: JSON, CSV, Markdown and pictures."""

import json
from pathlib import Path

from rtseg_ros.benchmark.contenders.contender import OUR_WAYS
from rtseg_ros.benchmark.results.findings import Findings
from rtseg_ros.benchmark.results.plots import scaling_curves, scatter, stage_bars
from rtseg_ros.benchmark.results.report import markdown_report
from rtseg_ros.benchmark.results.table import csv_text
from rtseg_ros.output_files import replace_files


def write_findings(findings: Findings, output: Path) -> None:
    """Write benchmark.json, .csv, .md and the pictures that there is something for.

    Args:
        findings: What was measured so far.
        output: Folder that receives them.
    """
    pictures = []
    if scatter(findings.rows, output / 'scatter.png', device=findings.machine['processor']):
        pictures.append('scatter.png')
    bars = _bars(findings)
    if bars:
        stage_bars(bars, output / 'stages.png')
        pictures.append('stages.png')
    if findings.curves:
        scaling_curves(findings.curves, output / 'scaling.png')
        pictures.append('scaling.png')
    contents = {
        output / 'benchmark.json': json.dumps(findings.to_dict(), indent=2) + '\n',
        output / 'benchmark.csv': csv_text(findings.rows),
        output / 'benchmark.md': markdown_report(findings, pictures),
    }
    replace_files({path: content.encode() for path, content in contents.items()})


def _bars(findings: Findings) -> dict[str, dict[str, dict[str, float]]]:
    """Return stage times by title of the panel and name of the bar."""
    bars: dict[str, dict[str, dict[str, float]]] = {}
    for row in findings.rows:
        if row.stages_ms:
            name = (
                f'{row.contender} {row.precision}' if row.contender in OUR_WAYS else row.contender
            )
            bars.setdefault(f'{row.network} {row.size}', {})[name] = row.stages_ms
    for node in findings.nodes:
        bars.setdefault(node.subject, {})['our node'] = node.stages_ms
    return bars
