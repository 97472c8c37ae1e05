# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A benchmark as one Markdown page: machine, command, tables, targets, pictures."""

from collections.abc import Sequence

from rtseg_ros.benchmark.results.findings import Findings
from rtseg_ros.benchmark.results.published import PUBLISHED
from rtseg_ros.benchmark.results.table import NodeFigures, Row, markdown_table
from rtseg_ros.benchmark.results.targets import Target
from rtseg_ros.benchmark.scaling import Curve
from rtseg_ros.benchmark.upsampling import UpsamplingRow
from rtseg_ros.benchmark.worker import ENTRIES


def markdown_report(findings: Findings, pictures: Sequence[str]) -> str:
    """Return the page.

    Args:
        findings: What was measured.
        pictures: Files that lie beside the page.
    """
    machine, rows, targets = findings.machine, findings.rows, findings.targets()
    parts = [
        '# Benchmark',
        f'{machine["processor"]}, {machine["cores"]} cores, {machine["memory_gib"]} GiB, '
        f'{machine["system"]}, Python {machine["python"]}; {findings.date}, load '
        f'before the run {findings.load_before:.1f}; in the same run {findings.peaks_text()}. '
        'Made by:',
        f'```sh\n{findings.command}\n```',
    ]
    if rows:
        parts += [
            'Times are from uint8 frame to uint8 labels, one frame at a time; all contenders of '
            'a network and size took turns in processes of their own.',
            markdown_table(rows),
            'Contenders: ' + '; '.join(_descriptions(rows, findings.device)) + '.',
        ]
    parts += [f'Not raced: {failure}' for failure in findings.failures]
    if findings.nodes:
        parts += ['## Nodes over DDS', _nodes(findings.nodes)]
    if targets:
        parts += ['## Targets', _targets(targets)]
    if findings.curves:
        parts += ['## How cost grows', _scaling(findings.curves)]
    if findings.upsampling:
        parts += ['## Labels from coarse logits', _upsampling(findings.upsampling)]
    parts += [f'![{name}]({name})' for name in pictures]
    parts += ['## As published, on the GPUs of their time', _published()]
    return '\n\n'.join(parts) + '\n'


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    text = [headings, ['---'] * len(headings), *lines]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in text)


def _descriptions(rows: Sequence[Row], device: str) -> list[str]:
    entries = ENTRIES[device]
    return [
        f'`{name}`, {entries[name].description}'
        for name in dict.fromkeys(row.contender for row in rows)
    ]


def _nodes(nodes: Sequence[NodeFigures]) -> str:
    headings = (
        'network', 'ours FPS', 'plain FPS', 'ratio', 'ratio of best turns', 'ours ms', 'p95',
        'plain ms', 'ours MiB', 'plain MiB', 'agree',
    )  # fmt: skip
    lines = [
        [
            node.subject,
            f'{node.ours_fps:.2f}',
            f'{node.plain_fps:.2f}',
            f'{node.ours_fps / node.plain_fps:.2f}',
            f'{node.ours_best_fps / node.plain_best_fps:.2f}',
            f'{node.ours_latency_ms:.1f}',
            f'{node.ours_p95_ms:.1f}',
            f'{node.plain_latency_ms:.1f}',
            f'{node.ours_memory_mib:.0f}',
            f'{node.plain_memory_mib:.0f}',
            f'{node.agreement:.4f}',
        ]
        for node in nodes
    ]
    stages = [
        f'{node.subject}, median stages of our node in ms: '
        + ', '.join(f'{name} {value:.2f}' for name, value in node.stages_ms.items())
        for node in nodes
    ]
    return '\n\n'.join([_table(headings, lines), *stages])


def _targets(targets: Sequence[Target]) -> str:
    lines = [
        [item.name, item.subject, item.text, 'met' if item.ok else '**not met**']
        for item in targets
    ]
    return _table(('target', 'network', 'measured', ''), lines)


def _upsampling(rows: Sequence[UpsamplingRow]) -> str:
    headings = (
        'classes', 'logits', 'labels', 'content', 'align_corners', 'ours ms', 'torch ms',
        'OpenCV ms', 'pixels that differ from torch',
    )  # fmt: skip
    lines = [
        [
            str(row.classes),
            row.logits,
            row.labels,
            row.content,
            str(row.align_corners),
            f'{row.ours_ms:.2f}',
            f'{row.torch_ms:.1f}',
            '-' if row.opencv_ms is None else f'{row.opencv_ms:.2f}',
            str(row.different),
        ]
        for row in rows
    ]
    return _table(headings, lines)


def _scaling(curves: Sequence[Curve]) -> str:
    parts = []
    for curve in curves:
        stages = list(curve.points[0].stages_ms)
        lines = [
            [
                f'{point.x:.3g}',
                f'{point.total_ms:.1f}',
                f'{point.fps:.2f}',
                f'{point.memory_mib:.0f}',
                *[f'{point.stages_ms[stage]:.2f}' for stage in stages],
            ]
            for point in curve.points
        ]
        headings = (curve.unit, 'ms', 'FPS', 'MiB', *[f'{stage} ms' for stage in stages])
        parts.append(f'{curve.name.capitalize()}:\n\n{_table(headings, lines)}')
    return '\n\n'.join(parts)


def _published() -> str:
    lines = [
        [
            item.network,
            item.paper,
            item.gpu,
            f'{item.size_hw[0]}x{item.size_hw[1]}',
            f'{item.fps:g}',
            f'{item.miou:.3f} {item.split}',
            f'{item.parameters_m:g}',
        ]
        for item in PUBLISHED
    ]
    return _table(('network', 'paper', 'GPU', 'size', 'FPS', 'mIoU', 'Mparam'), lines)
