# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Loads models beside the present one and has them take its place between two frames."""

from collections.abc import Callable
from dataclasses import replace
import threading
from typing import Any

import rclpy
from rclpy.lifecycle import LifecycleNode

from rtseg_ros.errors import EngineError, RtsegError
from rtseg_ros.labels.groups import ClassGroups, load_class_groups
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.machine import usable_cores
from rtseg_ros.nodes.parameters import SegmentationParameters, read_parameters
from rtseg_ros.nodes.segmentation.accounting import LogLimit
from rtseg_ros.nodes.segmentation.camera import Camera
from rtseg_ros.nodes.segmentation.frame_pipeline import FramePipeline
from rtseg_ros.nodes.segmentation.frame_worker import FrameWorker
from rtseg_ros.nodes.segmentation.overlap import Overlap
from rtseg_ros.nodes.segmentation.places import GROUND, POINTS
from rtseg_ros.nodes.segmentation.reporter import Reporter
from rtseg_ros.nodes.spatial.parameters import GroundParameters, PointsParameters, class_ids
from rtseg_ros.runtime import Segmenter, load_segmenter
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

TENSORRT, OPENVINO = 'tensorrt.', 'openvino.'
# Prefix of the node's parameters -> the dataclass that has them.
KINDS = {
    '': SegmentationParameters,
    POINTS: PointsParameters,
    GROUND: GroundParameters,
    TENSORRT: TensorRtOptions,
    OPENVINO: OpenVinoOptions,
}
PROGRESS_PERIOD_S = 5.0
# With fewer the engine needs them all, but where p95 was measured to gain (docs/benchmark.md).
OVERLAP_CORES = 4
OVERLAP_CORES_OF = {'openvino': 2}


class ModelSwap:
    """The model and the settings that it runs with; they change together, between two frames.

    Attributes:
        changing: Held while they change.
    """

    def __init__(
        self,
        node: LifecycleNode,
        pipeline: FramePipeline,
        worker: FrameWorker[Camera],
        reporter: Reporter,
        *,
        on_labels: Callable[[], None],
    ) -> None:
        """Set up; there is no model yet.

        Args:
            node: Has the parameters.
            pipeline: Gets the models.
            worker: Of the pipeline: calls run in it between two frames.
            reporter: Is told how far the building of an engine is.
            on_labels: Called when classes or their threshold have changed.
        """
        self._node = node
        self._pipeline = pipeline
        self._worker = worker
        self._reporter = reporter
        self._on_labels = on_labels
        self._progress_limit = LogLimit(period_s=PROGRESS_PERIOD_S)
        self._loading = threading.Lock()  # held while a model is loaded beside another
        self.changing = threading.Lock()

    def load_first(
        self, settings: SegmentationParameters, point_classes: tuple[str, ...] = ()
    ) -> None:
        """Load the model of the settings; there is none to go on.

        Args:
            settings: The node's.
            point_classes: Names of classes that it must have, and empty ones.
        """
        segmenter = self._load(settings)
        try:
            names = tuple(name for name in point_classes if name)
            class_ids(names, segmenter.labels, parameter_name='points_classes')
        except RtsegError:
            segmenter.close()
            raise
        self._install(segmenter, settings)

    def unload(self) -> None:
        """Free the model; ``changing`` is held by the caller."""
        self._worker.call(lambda: self._pipeline.install(None))

    def exchange(self, **changes: Any) -> str:
        """Load the model of the changed settings, have it take the place of the present one.

        Returns:
            What was loaded.

        Raises:
            RtsegError: If it cannot be loaded, another one is being loaded, or the node was
                cleaned up meanwhile.
        """
        if not self._loading.acquire(blocking=False):
            raise RtsegError('a model is being loaded already; try again when that is done')
        try:
            present = self._pipeline.segmenter
            segmenter = self._load(replace(self._pipeline.settings, **changes))
            with self.changing:
                # Others may have changed while it was loaded.
                settings = replace(self._pipeline.settings, **changes)
                try:
                    if present is None or self._pipeline.segmenter is not present:
                        raise RtsegError('the node was cleaned up meanwhile')
                    segmenter.set_groups(_groups(settings), unlabelled_id=settings.unlabelled_id)
                    segmenter.set_unlabelled(min_confidence=settings.min_confidence)
                except RtsegError:
                    segmenter.close()
                    raise
                self._install(segmenter, settings)
                return self.log()
        finally:
            self._loading.release()

    def change(self, **changes: Any) -> None:
        """Change settings with which the present model goes on."""
        with self.changing:
            segmenter = self._pipeline.segmenter
            assert segmenter is not None
            settings = replace(self._pipeline.settings, **changes)
            # Read here: the frames do not wait for a slow disk.
            groups = _groups(settings) if 'class_groups' in changes else None
            if 'class_groups' in changes:
                base = segmenter.engine.model.metadata.labels
                palette_bgr(groups.label_set(base) if groups else base, settings.palette)
            elif 'palette' in changes:
                palette_bgr(segmenter.labels, settings.palette)

            def change() -> None:
                # First what can be refused; the threshold can be, and it is the only other one.
                segmenter.set_unlabelled(min_confidence=settings.min_confidence)
                try:
                    if 'class_groups' in changes:
                        segmenter.set_groups(groups, unlabelled_id=settings.unlabelled_id)
                    else:
                        segmenter.set_unlabelled(unlabelled_id=settings.unlabelled_id)
                except RtsegError:
                    segmenter.set_unlabelled(min_confidence=self._pipeline.settings.min_confidence)
                    raise
                self._pipeline.update(settings)
                if {'min_confidence', 'class_groups'} & set(changes):
                    self._on_labels()  # before the first mask that has them

            if {'min_confidence', 'unlabelled_id', 'class_groups', 'palette'} & set(changes):
                self._worker.call(change)
            else:
                self._pipeline.settings = settings

    def log(self) -> str:
        """Say in the log which model runs, on what; return that."""
        segmenter = self._pipeline.segmenter
        assert segmenter is not None
        engine = segmenter.engine
        height, width = engine.model.size_hw
        text = (
            f'model {engine.model.path.name} ({engine.model.metadata.network}, {width}x{height}, '
            f'{segmenter.labels.num_classes} classes) on {engine.name}, {engine.device}, '
            f'{engine.precision}'
        )
        self._node.get_logger().info(text)
        return text

    def _load(self, settings: SegmentationParameters) -> Segmenter:
        try:
            segmenter = load_segmenter(
                settings.model,
                engine=settings.engine,
                providers=settings.providers,
                threads=settings.threads,
                tensorrt=read_parameters(self._node, TensorRtOptions, prefix=TENSORRT),
                openvino=read_parameters(self._node, OpenVinoOptions, prefix=OPENVINO),
                progress=self._on_progress,
                geometry=settings.geometry(),
                groups=settings.class_groups or None,
                min_confidence=settings.min_confidence,
                unlabelled_id=settings.unlabelled_id,
            )
        finally:
            self._reporter.busy = ''
        if settings.overlap == 'always' and segmenter.engine.requests < 2:
            segmenter.close()
            raise EngineError(
                f'overlap is always, and the engine {settings.engine} takes one image after the '
                'other; accepted with it: auto, never'
            )
        return segmenter

    def _on_progress(self, fraction: float, what: str) -> None:
        """Say how far the building of an engine is, which can take minutes; end it with the node.

        Raises:
            RtsegError: If the node is being stopped.
        """
        if not rclpy.ok():
            raise RtsegError(f'stopped at {fraction:.0%} of building an engine')
        self._reporter.busy = f'{what}: {fraction:.0%}'
        if self._progress_limit.passes('building'):  # its phases have thousands of names
            self._node.get_logger().info(self._reporter.busy)

    def _install(self, segmenter: Segmenter, settings: SegmentationParameters) -> None:
        """Swap between two frames; the class names go out before the first mask that has them."""

        def install() -> None:
            self._pipeline.install(segmenter, settings)
            self._worker.overlap = overlap
            self._reporter.overlap = overlap is not None
            self._on_labels()

        overlap = None
        if overlaps(settings.overlap, segmenter.engine, usable_cores()):
            overlap = Overlap(self._pipeline, wake=self._worker.wake)
        self._worker.call(install)
        # Frames that cannot be computed together would only wait for each other.
        self._worker.max_batch = min(settings.max_batch, segmenter.engine.max_batch)
        if self._worker.max_batch < settings.max_batch:
            self._node.get_logger().warning(
                f'max_batch is {settings.max_batch}; {segmenter.engine.model.path.name} on '
                f'{segmenter.engine.name} takes {self._worker.max_batch} at once, so the cameras '
                'take turns'
            )


def overlaps(asked: str, engine: Engine, cores: int) -> bool:
    """Tell whether frames overlap.

    Args:
        asked: Parameter ``overlap``.
        engine: What computes them.
        cores: Usable by this process.
    """
    if engine.requests < 2:
        return False
    enough = cores >= OVERLAP_CORES_OF.get(engine.name, OVERLAP_CORES)
    return asked == 'always' or (asked == 'auto' and enough)


def _groups(settings: SegmentationParameters) -> ClassGroups | None:
    return load_class_groups(settings.class_groups) if settings.class_groups else None
