# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A live evaluation from settings to report: checks, plays, scores, writes."""

from dataclasses import asdict, dataclass

from rtseg_ros.evaluation.live.report import report_live
from rtseg_ros.evaluation.live.spool import Spool
from rtseg_ros.evaluation.session import Evaluated, EvaluationSettings, load
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.retime import MAX_GAP_S
from rtseg_ros.harness.live_evaluation import LiveSettings, run_live
from rtseg_ros.harness.node_process import isolate_graph
from rtseg_ros.installation import use_image_profile
from rtseg_ros.labels.mapping import align
from rtseg_ros.progress import Staged
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import model_path


@dataclass(frozen=True)
class Playing:
    """How a bag is played into the node.

    Attributes:
        bag: Its path.
        rate_hz: Images per second; 0 for as recorded.
        search: Whether to search the sustained rate afterwards.
        patience_s: A mask that comes later counts as lost.
        pair_ms: How far the stamps of an image and its ground truth may differ.
        max_gap_s: Longer pauses of the recording last so long.
        generic_order: Of the colours in images of 8UC3 and its like.
    """

    bag: str
    rate_hz: float = 0.0
    search: bool = False
    patience_s: float = 5.0
    pair_ms: float = 0.0
    max_gap_s: float = MAX_GAP_S
    generic_order: str = 'bgr'


def evaluate_live(
    settings: EvaluationSettings, playing: Playing, source: BagSource, *, progress: Staged
) -> Evaluated:
    """Play a bag into the real node over DDS, score the masks and write the report.

    Args:
        settings: What is evaluated, and how.
        playing: How the bag is played.
        source: The same bag, for its ground truth.
        progress: Told how far building, playing and scoring are.

    Raises:
        RtsegError: If the classes cannot be compared or a node cannot be started.
    """
    # Nodes and evaluation must agree on the transport, and DDS reads it when rclpy starts.
    use_image_profile()
    model = read_model_file(model_path(settings.model))
    # Before anything is played: a wrong mapping would be found after the whole run.
    classes, mapping = model.metadata.labels, settings.mapping or None
    align(classes, source.labels or classes, mapping=mapping)
    isolate_graph()
    if settings.engine == 'tensorrt':
        load(settings, progress).close()  # built here, the node finds the plan in the cache
    settings.output.mkdir(parents=True, exist_ok=True)
    live = LiveSettings(
        bag=playing.bag,
        image_topic=source.image_topic,
        labels_topic=source.labels_topic,
        model=settings.model,
        node_parameters={
            'engine': settings.engine,
            'providers': list(settings.providers),
            'threads': settings.threads,
            **{f'openvino.{name}': value for name, value in asdict(settings.openvino).items()},
        },
        rate_hz=playing.rate_hz,
        limit=settings.limit,
        search=playing.search,
        patience_s=playing.patience_s,
        log_dir=settings.output,
        pair_ms=playing.pair_ms,
        palette=source.palette,
        max_gap_s=playing.max_gap_s,
        generic_order=playing.generic_order,
    )
    total = settings.frames_of(source)
    with Spool(settings.output / 'masks.part') as spool:
        run = run_live(live, spool, progress=lambda count: progress('play', count, total))
        report = report_live(
            run,
            output=settings.output,
            model=model,
            truth_labels=source.labels,
            truth_table=source.truth_table,
            source=source.facts(),
            mapping=mapping,
            boundary=settings.boundary,
            progress=lambda count: progress('score', count, spool.count),
        )
    return Evaluated(report, run.error)
