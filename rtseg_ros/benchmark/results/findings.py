# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All that one benchmark measured, and the document that it makes."""

from dataclasses import asdict, dataclass, field
import os
import time
from typing import Any

from rtseg_ros.benchmark.results.table import NodeFigures, Row, json_rows
from rtseg_ros.benchmark.results.targets import (
    Target,
    node_verdicts,
    upsampling_verdicts,
    verdicts,
)
from rtseg_ros.benchmark.scaling import Curve
from rtseg_ros.benchmark.upsampling import UpsamplingRow
from rtseg_ros.machine import machine as this_machine


@dataclass
class Findings:
    """What was measured so far.

    Attributes:
        command: What started the benchmark.
        device: ``cpu`` or ``cuda``.
        with_targets: Whether targets are checked.
        rows: One per contender, network and size.
        nodes: One per network and size, if whole nodes were raced.
        peaks: Matrix peaks by precision, in multiply-accumulates per second, one per race.
        failures: What could not be raced, and why.
        upsampling: Labels from coarse logits, alone.
        curves: How cost grows.
        date: Of the first race.
        load_before: Load of the machine before the first race.
        machine: What it ran on.
    """

    command: str
    device: str
    with_targets: bool = False
    rows: list[Row] = field(default_factory=list)
    nodes: list[NodeFigures] = field(default_factory=list)
    peaks: list[dict[str, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    upsampling: list[UpsamplingRow] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    date: str = field(default_factory=lambda: time.strftime('%Y-%m-%d'))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    machine: dict[str, Any] = field(default_factory=this_machine)

    @property
    def peak_gmacs_per_s(self) -> dict[str, float]:
        """Largest matrix peak of each precision, in 1e9 multiply-accumulates per second."""
        kinds = dict.fromkeys(kind for peaks in self.peaks for kind in peaks)
        return {
            kind: max(peaks[kind] for peaks in self.peaks if kind in peaks) / 1e9 for kind in kinds
        }

    def peaks_text(self) -> str:
        """Say the matrix peaks."""
        found = [f'{value:.0f} in {kind}' for kind, value in self.peak_gmacs_per_s.items()]
        return f'matrix peak {", ".join(found)} GMAC/s'

    def targets(self) -> list[Target]:
        """Check the targets that the findings say something about, if that was asked for."""
        if not self.with_targets:
            return []
        of_nodes = [verdict for node in self.nodes for verdict in node_verdicts(node)]
        return verdicts(self.rows) + of_nodes + upsampling_verdicts(self.upsampling)

    def to_dict(self) -> dict[str, Any]:
        """Return what benchmark.json holds."""
        return {
            'command': self.command,
            'machine': self.machine,
            'date': self.date,
            'load_before': self.load_before,
            'device': self.device,
            'matrix_peak_gmacs_per_s': self.peak_gmacs_per_s,
            'rows': json_rows(self.rows),
            'nodes': [asdict(node) for node in self.nodes],
            'failures': self.failures,
            'targets': [target.to_dict() for target in self.targets()],
            'upsampling': [asdict(row) for row in self.upsampling],
            'scaling': [asdict(curve) for curve in self.curves],
        }
