# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The evaluation of a fleet: what is new is run, the rest is read, everything is added up."""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
import os
from pathlib import Path
from typing import Any, Protocol

from rtseg_ros import __version__
from rtseg_ros.errors import BagError, EngineError, EvaluationError
from rtseg_ros.evaluation.fleet.find import FoundBag
from rtseg_ros.evaluation.fleet.intervals import intervals_over_bags
from rtseg_ros.evaluation.fleet.key import content_key
from rtseg_ros.evaluation.fleet.page import write_fleet_page
from rtseg_ros.evaluation.fleet.results import FORMAT, Results, merged
from rtseg_ros.evaluation.fleet.state import FleetState
from rtseg_ros.evaluation.fleet.tables import library, write_bags, write_frames
from rtseg_ros.evaluation.fleet.tags import Tags
from rtseg_ros.evaluation.fleet.task import FAILED, BagResult, Model, TaskSettings, Work
from rtseg_ros.evaluation.fleet.workers.pool import run_in_pool
from rtseg_ros.evaluation.fleet.workers.ray_tasks import run_on_ray
from rtseg_ros.machine import machine
from rtseg_ros.output_files import write_json
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path


@dataclass(frozen=True)
class FleetSettings:
    """How bags are shared out.

    Attributes:
        workers: Processes on this machine; 0 for one per core.
        ray: Address of a Ray cluster; empty for processes on this machine.
        timeout_s: Longest time for one bag; 0 for none.
        retries: How often a bag that killed its worker is tried again.
        verify_content: Whether to read whole bags to see whether they changed.
    """

    workers: int = 0
    ray: str = ''
    timeout_s: float = 0.0
    retries: int = 1
    verify_content: bool = False


@dataclass
class Fleet:
    """What came out.

    Attributes:
        report: As ``fleet.json`` holds it.
        error: What to raise once everything is written; None after a regular end.
    """

    report: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


class Watcher(Protocol):
    """Who shows how far it is."""

    def begin(self, bags: int, kept: int) -> None:
        """Take note of the number of bags, and of those that need not be run again."""

    def frames(self, count: int) -> None:
        """Take note of frames that were done."""

    def bag(self, name: str, status: str, reason: str) -> None:
        """Take note of a bag that ended."""


def load_model(path: str | Path) -> Model:
    """Read a model to hand to workers.

    Raises:
        ModelFileError: If it is none.
    """
    found = read_model_file(model_path(path))
    return Model(found.path.name, found.sha256, found.content)


def evaluate_fleet(
    bags: Sequence[FoundBag],
    *,
    model: Model,
    against: Model | None,
    settings: TaskSettings,
    how: FleetSettings,
    tags: Tags,
    output: Path,
    watcher: Watcher,
) -> Fleet:
    """Evaluate bags and write what they add up to; a bag that is no good stops no other.

    Ctrl-C ends it with a report of what was done; run again, only the rest is done.

    Args:
        bags: From ``find_bags``.
        model: Under test.
        against: Another one to compare masks with; None for none.
        settings: The same for all bags.
        how: How they are shared out.
        tags: By name of the bag.
        output: Folder of the results.
        watcher: Who shows how far it is.

    Raises:
        EvaluationError: If a library is not installed, or a cluster cannot be used.
    """
    library()
    results = Results(output)
    base = _base_key(model, against, settings, how)
    keys: dict[str, dict[str, Any]] = {}
    reports: dict[str, dict[str, Any]] = {}
    for bag in bags:
        try:
            content = content_key(bag.path, whole=how.verify_content)
        except BagError:
            content = ''  # the task says what is wrong
        keys[bag.name] = base | {'content': content}
        if content and (kept := results.kept(bag.name, keys[bag.name])) is not None:
            reports[bag.name] = kept
    watcher.begin(len(bags), len(reports))
    rest = [bag for bag in bags if bag.name not in reports]
    fleet = Fleet()
    stopped_by = ''
    work = _work(model, against, settings, how)
    try:
        ended = _executed(work, rest, how, watcher.frames)
        try:
            for bag, result in ended:
                if result.fatal:
                    raise EngineError(result.reason)
                reports[bag.name] = results.store(bag, result, keys[bag.name])
                watcher.bag(bag.name, result.status, result.reason)
        finally:
            ended.close()
    except KeyboardInterrupt as interruption:
        stopped_by, fleet.error = 'interrupted', interruption
    except EngineError as error:
        stopped_by, fleet.error = str(error), error
    results.forget_others(keys)
    listed = _listed(bags, reports, tags)
    states, total = _of_one_kind(listed, reports)
    fleet.report = {
        'format': FORMAT,
        'complete': not stopped_by and len(listed) == len(bags),
        'stopped_by': stopped_by,
        'model': {'file': model.name, 'sha256': model.sha256},
        'against': None if against is None else {'file': against.name, 'sha256': against.sha256},
        'settings': base['settings'],
        'version': __version__,
        'statuses': dict(Counter(bag['status'] for bag in listed)),
        'figures': {} if total is None else total.figures(),
        'intervals': intervals_over_bags(list(states.values())),
        'by_tag': _by_tag(listed, states),
        'bags': listed,
        'machine': machine(),
        'created': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }
    _write(output, fleet.report, states, total, tags)
    return fleet


def fleet_summary(report: Mapping[str, Any]) -> list[str]:
    """Say in a few lines what ``fleet.json`` holds."""
    figures = report['figures']
    statuses = ', '.join(f'{count} {status}' for status, count in report['statuses'].items())
    lines = [f'{len(report["bags"])} bags: {statuses or "none was finished"}']
    words = []
    for key, name in (('miou', 'mIoU'), ('confidence', 'confidence'), ('against', 'agreement')):
        if figures.get(key) is not None:
            low_high = report['intervals'].get(key)
            spread = ''
            if low_high:
                spread = f' [{100 * low_high[0]:.2f}, {100 * low_high[1]:.2f}]'
            words.append(f'{name} {100 * figures[key]:.2f} %{spread}')
    if words:
        lines.append(f'{figures["accounting"]["published"]} frames: {", ".join(words)}')
    return lines


def _executed(
    work: Work, bags: Sequence[FoundBag], how: FleetSettings, moved: Callable[[int], None]
) -> Generator[tuple[FoundBag, BagResult], None, None]:
    timeout_s = how.timeout_s or None
    if not bags:
        return
    if how.ray:
        yield from run_on_ray(
            work, bags, address=how.ray, timeout_s=timeout_s, retries=how.retries, moved=moved
        )
        return
    yield from run_in_pool(
        work, bags, workers=_workers(how), timeout_s=timeout_s, retries=how.retries, moved=moved
    )


def _workers(how: FleetSettings) -> int:
    return how.workers or len(os.sched_getaffinity(0))


def _work(model: Model, against: Model | None, settings: TaskSettings, how: FleetSettings) -> Work:
    if not settings.threads:
        # The cores are divided among the workers; a task of Ray asks for one.
        threads = 1 if how.ray else max(len(os.sched_getaffinity(0)) // _workers(how), 1)
        settings = replace(settings, threads=threads)
    return Work(model, against, settings, __version__)


def _base_key(
    model: Model, against: Model | None, settings: TaskSettings, how: FleetSettings
) -> dict[str, Any]:
    return {
        'version': __version__,
        'model': model.sha256,
        'against': None if against is None else against.sha256,
        'settings': settings.key() | {'verify_content': how.verify_content},
    }


def _listed(
    bags: Sequence[FoundBag], reports: Mapping[str, dict[str, Any]], tags: Tags
) -> list[dict[str, Any]]:
    """Return what the fleet's report says of each bag that has ended."""
    names = ('bag', 'path', 'status', 'reason', 'seconds', 'facts', 'moments', 'figures')
    return [
        {name: reports[bag.name][name] for name in names} | {'tags': dict(tags.get(bag.name, {}))}
        for bag in bags
        if bag.name in reports
    ]


def _of_one_kind(
    bags: Sequence[dict[str, Any]], reports: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], FleetState | None]:
    """Return the states that can be added up, by bag, and their sum.

    A bag whose figures are about other classes becomes a failed one.
    """
    states: dict[str, dict[str, Any]] = {}
    total: FleetState | None = None
    for bag in bags:
        if bag['status'] == FAILED:
            continue
        state = reports[bag['bag']]['state']
        try:
            if total is None:
                total = merged([state])
            else:
                total.merge_dict(state)
        except EvaluationError as error:
            bag['status'], bag['reason'] = FAILED, str(error)
            continue
        states[bag['bag']] = state
    return states, total


def _by_tag(
    bags: Sequence[Mapping[str, Any]], states: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return {tag: {value: its bags' number, figures and intervals}}."""
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for bag in bags:
        if bag['bag'] in states:
            for tag, value in bag['tags'].items():
                groups[tag][value].append(bag['bag'])
    return {
        tag: {
            value: {
                'bags': len(names),
                'figures': merged(states[name] for name in names).figures(),
                'intervals': intervals_over_bags([states[name] for name in names]),
            }
            for value, names in sorted(values.items())
        }
        for tag, values in groups.items()
    }


def _write(
    output: Path,
    report: Mapping[str, Any],
    states: Mapping[str, dict[str, Any]],
    total: FleetState | None,
    tags: Tags,
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    results, names = Results(output), list(next(iter(tags.values()), {}))
    write_frames(
        output / 'frames.parquet',
        (
            (bag['bag'], bag['tags'], results.frames(bag['bag']))
            for bag in report['bags']
            if bag['bag'] in states
        ),
        names,
    )
    write_bags(output / 'bags.parquet', report['bags'], names)
    write_json(output / 'fleet.json', report)
    write_fleet_page(output, report, states, total)
