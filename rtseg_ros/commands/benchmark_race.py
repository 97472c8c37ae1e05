"""The race of ``rtseg benchmark``: what it needs, torch among it, is imported only for a race."""

import argparse
from dataclasses import asdict, dataclass, field, replace
import itertools
import json
import os
from pathlib import Path
import shlex
import sys
import tempfile
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from rtseg_ros.benchmark.contenders.contender import OURS
from rtseg_ros.benchmark.kept_subject import kept_subject
from rtseg_ros.benchmark.race import Entrant, race
from rtseg_ros.benchmark.results.plots import scaling_curves, scatter, stage_bars
from rtseg_ros.benchmark.results.report import markdown_report
from rtseg_ros.benchmark.results.table import Row, csv_text, json_rows, row_from_result, text_table
from rtseg_ros.benchmark.results.targets import (
    Verdict,
    node_verdicts,
    upsampling_verdicts,
    verdicts,
)
from rtseg_ros.benchmark.scaling import Curve, scaling
from rtseg_ros.benchmark.subject import Source, Subject
from rtseg_ros.benchmark.upsampling import UpsamplingRow, upsampling
from rtseg_ros.benchmark.worker import contenders
from rtseg_ros.errors import BenchmarkError, RtsegError
from rtseg_ros.installation import use_image_profile
from rtseg_ros.machine import machine
from rtseg_ros.networks import list_networks
from rtseg_ros.output_files import replace_files

MAXIMUM_RUNS = 1000
# Of the stages that the node reports, those in which it works on a frame.
_NODE_STAGES = ('decode', 'preprocess', 'infer', 'upsample', 'publish')


@dataclass
class _Findings:
    """All that was measured so far."""

    rows: list[Row] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    upsampling: list[UpsamplingRow] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    date: str = field(default_factory=lambda: time.strftime('%Y-%m-%d'))
    with_targets: bool = False
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def targets(self) -> list[Verdict]:
        """Check the targets that the findings say something about, if that was asked for."""
        if not self.with_targets:
            return []
        of_nodes = [verdict for node in self.nodes for verdict in node_verdicts(node)]
        return verdicts(self.rows) + of_nodes + upsampling_verdicts(self.upsampling)

    def document(self, device: str) -> dict[str, Any]:
        """Return what benchmark.json holds."""
        return {
            'command': shlex.join(['rtseg', 'benchmark', *sys.argv[2:]]),
            'machine': machine(),
            'date': self.date,
            'load_before': self.load_before,
            'device': device,
            'matrix_peak_gmacs_per_s': max(self.peaks, default=0.0) / 1e9,
            'rows': json_rows(self.rows),
            'nodes': self.nodes,
            'failures': self.failures,
            'targets': [asdict(verdict) for verdict in self.targets()],
            'upsampling': [asdict(row) for row in self.upsampling],
            'scaling': [asdict(curve) for curve in self.curves],
        }


def run_race(arguments: argparse.Namespace) -> int:
    """Race, print the table, write CSV, JSON, Markdown and pictures.

    Returns:
        0, or 1 if a network could not be raced; the others were.
    """
    sizes = [_size(text) for text in arguments.size]
    entrants = _entrants(arguments)
    subjects = _subjects(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    findings = _Findings(with_targets=arguments.targets)
    with tqdm(total=len(subjects) * len(sizes), unit='race') as bar:
        for (network, source), size_hw in itertools.product(subjects, sizes):
            name = f'{network or Path(source.checkpoint).name} {size_hw[0]}x{size_hw[1]}'
            bar.set_description(name)
            try:
                _race(network, size_hw, source, entrants, arguments, findings, bar)
            except RtsegError as error:
                if bar.total == 1:
                    raise
                findings.failures.append(f'{name}: {error}')
            if not arguments.prepare_only:
                _write(arguments, findings)  # after each race: a long run may be interrupted
            bar.update()
    if arguments.prepare_only:
        for failure in findings.failures:
            print(f'not prepared: {failure}')
        return 1 if findings.failures else 0
    if arguments.upsampling:
        with tqdm(unit='case') as bar:
            findings.upsampling = upsampling(lambda text: _step(bar, text))
    if arguments.scaling:
        with tqdm(unit='point') as bar:
            findings.curves = scaling(
                *subjects[0],
                seconds=arguments.seconds / 2,
                device=arguments.device,
                progress=lambda text: _step(bar, text),
            )
    _write(arguments, findings)
    print(text_table(findings.rows))
    print(f'matrix peak {max(findings.peaks, default=0.0) / 1e9:.1f} GMAC/s')
    for verdict in findings.targets():
        state = 'met' if verdict.met else 'NOT MET'
        print(f'{state:8}{verdict.target}; {verdict.subject}: {verdict.figure}')
    for failure in findings.failures:
        print(f'not raced: {failure}')
    print(f'wrote benchmark.json, .csv, .md and pictures to {arguments.output.resolve()}')
    return 1 if findings.failures else 0


def _race(
    network: str,
    size_hw: tuple[int, int],
    source: Source,
    entrants: list[Entrant],
    arguments: argparse.Namespace,
    findings: _Findings,
    bar: tqdm,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bar.set_postfix_str('preparing')
        kept = Path(arguments.keep or folder).resolve()
        subject = kept_subject(network, size_hw, source, kept)
        if arguments.prepare_only:
            return
        results, peak = race(
            subject,
            entrants,
            seconds=arguments.seconds,
            device=arguments.device,
            maximum_runs=MAXIMUM_RUNS,
            progress=bar.set_postfix_str,
        )
        findings.rows += [row_from_result(result, peak_macs_per_s=peak) for result in results]
        findings.peaks.append(peak)
        if arguments.node:
            findings.nodes.append(_node_race(subject, Path(folder), arguments, bar))


def _subjects(arguments: argparse.Namespace) -> list[tuple[str, Source]]:
    """Return networks, empty where a checkpoint says it, and where their weights come from."""
    random = Source(
        labels=arguments.labels,
        num_classes=arguments.classes,
        frames=arguments.frames,
        precisions=tuple(arguments.precision),
    )
    networks = arguments.networks or ([] if arguments.checkpoint else list_networks())
    subjects = [(name, random) for name in networks]
    for text in arguments.checkpoint:
        name, found, path = text.partition('=')
        checkpoint = path if found else text
        subjects.append((name if found else '', replace(random, checkpoint=checkpoint)))
    return subjects


def _step(bar: tqdm, text: str) -> None:
    bar.set_postfix_str(text)
    bar.update()


def _size(text: str) -> tuple[int, int]:
    height, found, width = text.partition('x')
    if not (found and height.isdecimal() and width.isdecimal()):
        raise BenchmarkError(f"size is '{text}'; give height x width in pixels, e.g. 512x1024")
    return int(height), int(width)


def _entrants(arguments: argparse.Namespace) -> list[Entrant]:
    known = contenders(arguments.device)
    names: list[str] = []
    for name in arguments.engine:
        if name not in (*known, 'all'):
            hint = (
                '. TensorRT races as rtseg with --device cuda; add --report to check it alone'
                if name == 'tensorrt'
                else ''
            )
            raise BenchmarkError(
                f"no contender '{name}' on {arguments.device}; installed: {', '.join(known)}{hint}"
            )
        names += known if name == 'all' else (name,)
    entrants = [Entrant(name) for name in names if name != OURS]
    if OURS in names:
        entrants += [Entrant(OURS, precision) for precision in arguments.precision]
    return entrants


def _node_race(
    subject: Subject, folder: Path, arguments: argparse.Namespace, bar: tqdm
) -> dict[str, Any]:
    # The transport is read when rclpy starts; without the profile large images are lost.
    use_image_profile()
    from rtseg_ros.benchmark.node_race import node_race
    from rtseg_ros.harness.lifecycle_client import LifecycleClient
    from rtseg_ros.harness.node_process import isolate_graph

    isolate_graph()

    def activate(node: Any, managed: str) -> None:
        client = LifecycleClient(node, managed)
        client.change('configure')
        client.change('activate')

    try:
        ours, plain = node_race(
            subject,
            folder,
            seconds=arguments.seconds,
            activate=activate,
            progress=bar.set_postfix_str,
        )
    except RtsegError:
        for log in folder.glob('*.log'):
            (arguments.output / log.name).write_bytes(log.read_bytes())
        raise
    both = [index for index in ours.masks if index in plain.masks]
    return {
        'subject': f'{subject.network} {subject.size_hw[0]}x{subject.size_hw[1]}',
        'ours_fps': ours.fps,
        'plain_fps': plain.fps,
        'ours_best_fps': max(ours.turns_fps),
        'plain_best_fps': max(plain.turns_fps),
        'ours_latency_ms': float(np.median(ours.latency_ms)),
        'plain_latency_ms': float(np.median(plain.latency_ms)),
        'ours_memory_mib': ours.peak_memory_mib,
        'plain_memory_mib': plain.peak_memory_mib,
        'agreement': float(np.mean([np.mean(ours.masks[i] == plain.masks[i]) for i in both])),
        # Neither waiting for a turn nor the age of a stamp is work.
        'stages_ms': {
            'labels' if stage == 'upsample' else stage: ours.stages_ms[stage]
            for stage in _NODE_STAGES
            if stage in ours.stages_ms
        },
    }


def _write(arguments: argparse.Namespace, findings: _Findings) -> None:
    output, rows = arguments.output, findings.rows
    document = findings.document(arguments.device)
    text = json.dumps(document, indent=2) + '\n'
    pictures = []
    if scatter(rows, output / 'scatter.png', device=document['machine']['processor']):
        pictures.append('scatter.png')
    bars: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        if row.stages_ms:
            name = f'{row.contender} {row.precision}' if row.contender == OURS else row.contender
            bars.setdefault(f'{row.network} {row.size}', {})[name] = row.stages_ms
    for node in findings.nodes:
        bars.setdefault(node['subject'], {})['our node'] = node['stages_ms']
    if bars:
        stage_bars(bars, output / 'stages.png')
        pictures.append('stages.png')
    if findings.curves:
        scaling_curves(findings.curves, output / 'scaling.png')
        pictures.append('scaling.png')
    contents = {
        output / 'benchmark.json': text,
        output / 'benchmark.csv': csv_text(rows),
        output / 'benchmark.md': markdown_report(document, rows, pictures),
    }
    if arguments.json:
        contents[Path(arguments.json)] = text
    replace_files({path: content.encode() for path, content in contents.items()})
