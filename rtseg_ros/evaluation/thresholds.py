# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Thresholds for CI: which required figures a report misses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import re
from typing import Any

from rtseg_ros.errors import EvaluationError
from rtseg_ros.verdict import Verdict

# Figures that must be at least the threshold; the others at most.
AT_LEAST = (
    'miou', 'category_miou', 'pixel_accuracy', 'frequency_weighted_iou', 'instance_miou',
    'category_instance_miou', 'boundary_f_score', 'temporal_stability', 'mask_agreement', 'fps',
    'frames',
)  # fmt: skip
AT_MOST = ('lost', 'ece')
_LATENCY = re.compile(r'latency_(?:([a-z_]+)_)?(mean|p50|p95|p99|max)_ms')
HELP = (
    f'at least: {", ".join(AT_LEAST)}, iou.CLASS; at most: {", ".join(AT_MOST)}, '
    'latency_p50_ms (also mean, p95, p99, max; latency_STAGE_p99_ms for one stage)'
)


@dataclass(frozen=True)
class Requirement:
    """``name=value``: a figure of the report and its limit."""

    name: str
    limit: float

    @property
    def at_least(self) -> bool:
        """Whether larger is better."""
        return self.name in AT_LEAST or self.name.startswith('iou.')


def requirement_from_text(text: str) -> Requirement:
    """Parse ``miou=0.6``.

    Raises:
        EvaluationError: If the name is no figure or the value no number.
    """
    name, _, value = text.partition('=')
    name = name.strip()
    if not (
        name in AT_LEAST
        or name in AT_MOST
        or _LATENCY.fullmatch(name)
        or (name.startswith('iou.') and len(name) > 4)
    ):
        raise EvaluationError(f"requirement '{text}' names no figure; accepted {HELP}")
    try:
        return Requirement(name, float(value))
    except ValueError as error:
        raise EvaluationError(
            f"requirement '{text}' needs a number after '='; e.g. miou=0.6"
        ) from error


def failures(report: Mapping[str, Any], requirements: Sequence[Requirement]) -> list[Verdict]:
    """Return a verdict for each requirement that the report misses.

    A figure that was not measured is a miss: a check that cannot be made must not pass.

    Raises:
        EvaluationError: If a class or stage is not in the report.
    """
    missed = []
    for requirement in requirements:
        value = figure(report, requirement.name)
        word = 'at least' if requirement.at_least else 'at most'
        wanted = f'required is {word} {requirement.limit:g}'
        if value is None:
            text = f'{requirement.name} was not measured; {wanted}'
        elif value < requirement.limit if requirement.at_least else value > requirement.limit:
            text = f'{requirement.name} is {value:.6g}; {wanted}'
        else:
            continue
        missed.append(Verdict(requirement.name, False, text))
    return missed


def figure(report: Mapping[str, Any], name: str) -> float | None:
    """Return a figure of a report by the name that requirements use; None if not measured.

    Raises:
        EvaluationError: If a class or stage is not in the report.
    """
    latency = _LATENCY.fullmatch(name)
    if latency:
        stages = report['latency_ms']
        stage = latency[1] or 'total'
        if latency[1] and stages and stage not in stages:
            raise EvaluationError(f"'{name}': no stage '{stage}'; there are {', '.join(stages)}")
        return stages[stage][latency[2]] if stage in stages else None
    if name.startswith('iou.'):
        classes = report.get('iou', {})
        if name[4:] not in classes:
            raise EvaluationError(
                f"'{name}': no class '{name[4:]}'; there are {', '.join(classes) or 'none'}"
            )
        return classes[name[4:]]
    if name == 'lost':
        counts = report['accounting']
        if not counts['received']:
            return None
        return (counts['received'] - counts['published']) / counts['received']
    if name == 'ece':
        return report.get('calibration', {}).get('ece_after')
    value = report.get(name)
    return None if value is None else float(value)
