# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A benchmark from settings to files: every network at every size, then what else was asked."""

from dataclasses import dataclass, replace
import itertools
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from rtseg_ros.benchmark.contenders.contender import OUR_WAYS, OURS_OPENVINO
from rtseg_ros.benchmark.preparation import kept_subject
from rtseg_ros.benchmark.race import Entrant, race
from rtseg_ros.benchmark.results.files import write_findings
from rtseg_ros.benchmark.results.findings import Findings
from rtseg_ros.benchmark.results.table import NodeFigures, row_from_result
from rtseg_ros.benchmark.scaling import scaling
from rtseg_ros.benchmark.subject import Source, Subject
from rtseg_ros.benchmark.upsampling import upsampling
from rtseg_ros.benchmark.worker import contenders
from rtseg_ros.errors import BenchmarkError, RtsegError
from rtseg_ros.installation import use_image_profile
from rtseg_ros.networks import list_networks
from rtseg_ros.progress import Say, Staged

MAXIMUM_RUNS = 1000
# Each meets the plain node: how -> parameters of our node.
NODE_WAYS = {
    'onnxruntime': {'engine': 'onnxruntime', 'overlap': 'never'},
    'openvino': {'engine': 'openvino', 'overlap': 'never'},
    'openvino overlapped': {'engine': 'openvino', 'overlap': 'always'},
}
# Of the stages that the node reports, those in which it works on a frame.
_NODE_STAGES = ('decode', 'preprocess', 'infer', 'upsample', 'publish')


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is raced, and how.

    Attributes:
        output: Folder of the results.
        networks: Names in the zoo, with random weights; all if neither these nor checkpoints.
        checkpoints: Trained weights, as ``FILE`` or ``NETWORK=FILE``.
        sizes_hw: Input sizes, height and width in pixels.
        source: Labels, classes, frames and precisions of all of them; its checkpoint is empty.
        engines: Contenders; ``all`` for every one that is installed.
        seconds: Per contender and size.
        device: ``cpu`` or ``cuda``.
        node: Whether to race whole nodes over DDS too.
        scaling: Whether to measure how cost grows.
        upsampling: Whether to measure labels from coarse logits alone.
        with_targets: Whether to check the targets that this package set itself.
        keep: Folder of what is prepared; None to make it anew.
        prepare_only: Fill keep and do not race.
        command: What started the benchmark, for the report.
    """

    output: Path
    networks: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    sizes_hw: tuple[tuple[int, int], ...] = ((360, 480),)
    source: Source = Source()  # noqa: RUF009  frozen
    engines: tuple[str, ...] = ('all',)
    seconds: float = 10.0
    device: str = 'cpu'
    node: bool = False
    scaling: bool = False
    upsampling: bool = False
    with_targets: bool = False
    keep: Path | None = None
    prepare_only: bool = False
    command: str = ''


def benchmark(settings: BenchmarkSettings, *, say: Say, progress: Staged) -> Findings:
    """Race, and write the results after each race: a long run may be interrupted.

    Args:
        settings: What, and how.
        say: Told what happens.
        progress: Told how many races, cases and points are done.

    Returns:
        What was measured; a network that could not be raced is in its failures, unless it was
        the only one.

    Raises:
        RtsegError: If the only race cannot be run, or the settings make no sense.
    """
    if settings.prepare_only and settings.keep is None:
        raise BenchmarkError('--prepare-only fills a folder; name it with --keep')
    entrants = _entrants(settings)
    subjects = _subjects(settings)
    settings.output.mkdir(parents=True, exist_ok=True)
    findings = Findings(settings.command, settings.device, settings.with_targets)
    races = list(itertools.product(subjects, settings.sizes_hw))
    progress('', 0, len(races))
    for number, ((network, source), size_hw) in enumerate(races, 1):
        name = f'{network or Path(source.checkpoint).name} {size_hw[0]}x{size_hw[1]}'

        def of_race(text: str, name: str = name) -> None:
            say(f'{name}: {text}')

        try:
            _race(network, size_hw, source, entrants, settings, findings, of_race)
        except RtsegError as error:
            if len(races) == 1:
                raise
            findings.failures.append(f'{name}: {error}')
        if not settings.prepare_only:
            write_findings(findings, settings.output)
        progress('', number, len(races))
    if settings.prepare_only:
        return findings
    if settings.upsampling:
        findings.upsampling = upsampling(_counting('upsampling', say, progress))
    if settings.scaling:
        findings.curves = scaling(
            *subjects[0],
            seconds=settings.seconds / 2,
            device=settings.device,
            say=_counting('scaling', say, progress),
        )
    write_findings(findings, settings.output)
    return findings


def _counting(stage: str, say: Say, progress: Staged) -> Say:
    """Return what counts the texts that it is told, as each begins another case."""
    count = itertools.count(1)

    def told(text: str) -> None:
        progress(stage, next(count), None)
        say(text)

    return told


def _race(
    network: str,
    size_hw: tuple[int, int],
    source: Source,
    entrants: list[Entrant],
    settings: BenchmarkSettings,
    findings: Findings,
    say: Say,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        say('preparing')
        kept = Path(settings.keep or folder).resolve()
        subject = kept_subject(network, size_hw, source, kept)
        if settings.prepare_only:
            return
        results, peaks = race(
            subject,
            entrants,
            seconds=settings.seconds,
            device=settings.device,
            maximum_runs=MAXIMUM_RUNS,
            say=say,
        )
        findings.rows += [row_from_result(result, peaks=peaks) for result in results]
        findings.peaks.append(peaks)
        if settings.node:
            ways = {entrant.name for entrant in entrants}
            for way, parameters in NODE_WAYS.items():
                if 'openvino' not in way or OURS_OPENVINO in ways:
                    place = Path(folder) / way.replace(' ', '_')
                    place.mkdir()
                    findings.nodes.append(
                        _node_race(subject, place, settings, say, way, parameters)
                    )


def _subjects(settings: BenchmarkSettings) -> list[tuple[str, Source]]:
    """Return networks, empty where a checkpoint says it, and where their weights come from."""
    random = settings.source
    networks = settings.networks or (() if settings.checkpoints else list_networks())
    subjects = [(name, random) for name in networks]
    for text in settings.checkpoints:
        name, found, path = text.partition('=')
        checkpoint = path if found else text
        subjects.append((name if found else '', replace(random, checkpoint=checkpoint)))
    return subjects


def _entrants(settings: BenchmarkSettings) -> list[Entrant]:
    known = contenders(settings.device)
    names: list[str] = []
    for name in settings.engines:
        if name not in (*known, 'all'):
            hint = (
                '. TensorRT races as rtseg with --device cuda; add --report to check it alone'
                if name == 'tensorrt'
                else ''
            )
            raise BenchmarkError(
                f"no contender '{name}' on {settings.device}; installed: {', '.join(known)}{hint}"
            )
        names += known if name == 'all' else (name,)
    entrants = [Entrant(name) for name in names if name not in OUR_WAYS]
    for name in OUR_WAYS:
        if name in names:
            entrants += [Entrant(name, precision) for precision in settings.source.precisions]
    return entrants


def _node_race(
    subject: Subject,
    folder: Path,
    settings: BenchmarkSettings,
    say: Say,
    way: str,
    parameters: dict[str, str],
) -> NodeFigures:
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
            parameters=parameters,
            seconds=settings.seconds,
            activate=activate,
            say=say,
        )
    except RtsegError:
        for log in folder.glob('*.log'):
            (settings.output / log.name).write_bytes(log.read_bytes())
        raise
    both = [index for index in ours.masks if index in plain.masks]
    return NodeFigures(
        subject=f'{subject.network} {subject.size_text}, {way}',
        ours_fps=ours.fps,
        plain_fps=plain.fps,
        ours_best_fps=max(ours.turns_fps),
        plain_best_fps=max(plain.turns_fps),
        ours_latency_ms=float(np.median(ours.latency_ms)),
        ours_p95_ms=float(np.percentile(ours.latency_ms, 95)),
        plain_latency_ms=float(np.median(plain.latency_ms)),
        ours_memory_mib=ours.peak_memory_mib,
        plain_memory_mib=plain.peak_memory_mib,
        agreement=float(np.mean([np.mean(ours.masks[i] == plain.masks[i]) for i in both])),
        # Neither waiting for a turn nor the age of a stamp is work.
        stages_ms={
            'labels' if stage == 'upsample' else stage: ours.stages_ms[stage]
            for stage in _NODE_STAGES
            if stage in ours.stages_ms
        },
    )
