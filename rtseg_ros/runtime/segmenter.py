# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a frame to its labels: the one path that node, CLI, evaluation and benchmark share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math
from pathlib import Path
import time

import cv2
import numpy as np

from rtseg_ros.engines import ENGINES
from rtseg_ros.errors import EngineError, FrameError, LabelSetError, SettingError
from rtseg_ros.labels import UNLABELLED, LabelSet
from rtseg_ros.labels.groups import ClassGroups, load_class_groups
from rtseg_ros.runtime.engine import Engine, Inference, Outputs, nothing
from rtseg_ros.runtime.geometry import Geometry, Layout, layout, nearest
from rtseg_ros.runtime.model_file import output_table, read_model_file
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.preprocess import border_color, image_from_frame
from rtseg_ros.runtime.shipped import model_path
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.progress import Progress
from rtseg_ros.runtime.upsample import labels_and_confidence_from_logits, labels_from_logits

WHOLE_FRAME = Geometry()


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter says about one frame.

    Attributes:
        labels: (H, W) uint8 class ids at the frame's size, unless the geometry says otherwise;
            ``unlabelled_id`` where unlabelled.
        confidence: (H, W) uint8, 255 = certain, 0 where the network did not look; None unless
            asked for.
        timing_ms: Wall time of the stages ``preprocess``, ``infer`` and ``upsample``.
        layout: How the labels lie on the frame.
    """

    labels: np.ndarray
    confidence: np.ndarray | None
    timing_ms: dict[str, float]
    layout: Layout


@dataclass(frozen=True)
class Prepared:
    """A frame made ready for the network, with the time that took."""

    image: np.ndarray
    layout: Layout
    preprocess_ms: float


class _Clock:
    """How long the engine worked, by the moment at which it said that it was done."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._start_ns = time.perf_counter_ns()
        self._end_ns = 0

    def stop(self) -> None:
        self._end_ns = time.perf_counter_ns()
        self._on_done()

    def ms(self) -> float:
        # What waits for outputs may see them before their callback has run.
        return ((self._end_ns or time.perf_counter_ns()) - self._start_ns) / 1e6


@dataclass(frozen=True)
class Begun:
    """Frames that the engine works on, or has worked on."""

    frames: tuple[Prepared, ...]
    inference: Inference
    clock: _Clock


class Segmenter:
    """Labels frames with one engine, for one thread at a time.

    Attributes:
        labels: The classes of the result.
        engine: What computes.
        geometry: Which part of a frame is seen and returned.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        geometry: Geometry = WHOLE_FRAME,
        groups: ClassGroups | None = None,
        min_confidence: float = 0.0,
        unlabelled_id: int = UNLABELLED,
    ) -> None:
        """Set up; ``load_segmenter`` describes the arguments."""
        self.engine = engine
        self.geometry = geometry
        self._groups = groups
        self.labels = _classes(engine, groups)
        self._border_bgr = border_color(engine.model.metadata.preprocessing)
        self.set_unlabelled(min_confidence=min_confidence, unlabelled_id=unlabelled_id)

    def __call__(self, frame: np.ndarray, *, confidence: bool = False) -> Segmentation:
        """Label one frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            confidence: Also compute the confidence of every pixel.

        Returns:
            Newly allocated arrays.

        Raises:
            FrameError: If the frame is not such an array, or the region of interest is not in it.
            EngineError: If the engine fails.
        """
        return self.finish([self.prepare(frame)], confidence=confidence)[0]

    @property
    def has_scores(self) -> bool:
        """Whether the model gives scores, without which there is no confidence."""
        return 'logits' in self.engine.model.outputs

    def prepare(self, frame: np.ndarray, *, mask_hw: tuple[int, int] | None = None) -> Prepared:
        """Do the first part of ``__call__``: check and preprocess a frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            mask_hw: Size of the mask, in place of that of the geometry.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise FrameError(
                f'frame is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3), BGR'
            )
        start = time.perf_counter_ns()
        model = self.engine.model
        geometry = self.geometry
        if mask_hw is not None:
            geometry = replace(geometry, output_size=mask_hw)
        plan = layout(
            geometry,
            source_hw=(frame.shape[0], frame.shape[1]),
            network_hw=model.size_hw,
        )
        seen = plan.network_frame(frame, self._border_bgr)
        if model.input.dtype == 'uint8':
            image = np.ascontiguousarray(seen)[None]
        else:
            image = image_from_frame(seen, model.metadata.preprocessing)
        return Prepared(image, plan, (time.perf_counter_ns() - start) / 1e6)

    def finish(
        self, frames: Sequence[Prepared], *, confidence: bool = False
    ) -> list[Segmentation]:
        """Do the second part of ``__call__``, in batches if the engine takes more than one."""
        results = []
        for first in range(0, len(frames), self.engine.max_batch):
            batch = frames[first : first + self.engine.max_batch]
            start = time.perf_counter_ns()
            outputs = self.engine.infer(_together(batch))
            infer_ms = (time.perf_counter_ns() - start) / 1e6
            results += self._results(batch, outputs, infer_ms, confidence)
        return results

    def begin(self, frames: Sequence[Prepared], *, on_done: Callable[[], None] = nothing) -> Begun:
        """Have the engine begin with frames; others can be prepared and finished meanwhile.

        Args:
            frames: At most as many as the engine takes at once.
            on_done: Called once, from any thread, when ``end`` need no longer wait; not if this
                raises.

        Returns:
            For ``end``, or to be released.

        Raises:
            EngineError: If the engine fails at once, or has begun all that it can.
        """
        clock = _Clock(on_done)
        return Begun(
            tuple(frames), self.engine.begin(_together(frames), on_done=clock.stop), clock
        )

    def end(self, begun: Begun, *, confidence: bool = False) -> list[Segmentation]:
        """Do what ``finish`` does after the engine, for what was begun; release it.

        Raises:
            EngineError: If the engine failed.
        """
        with begun.inference as inference:
            outputs = inference.outputs()
            return self._results(begun.frames, outputs, begun.clock.ms(), confidence)

    def logits(self, frame: np.ndarray) -> np.ndarray:
        """Return the network's scores of one frame, as the confidence is computed from.

        Args:
            frame: (H, W, 3) uint8 BGR.

        Returns:
            (K, h, w) float32, newly allocated; K counts an unlabelled output too.

        Raises:
            EngineError: If the model gives labels only, or the engine fails.
        """
        outputs = self.engine.infer(self.prepare(frame).image)
        if 'logits' not in outputs:
            raise EngineError(self._no_scores())
        return outputs['logits'][0].copy()

    def set_unlabelled(
        self, *, min_confidence: float | None = None, unlabelled_id: int | None = None
    ) -> None:
        """Change which pixels become unlabelled, and how they are marked; None keeps a value.

        Raises:
            SettingError: If a value is out of range, or the id is that of a class.
            EngineError: If the model gives no scores to threshold.
        """
        if min_confidence is not None:
            if not 0 <= min_confidence <= 1:
                raise SettingError(f'min_confidence is {min_confidence}; accepted: 0 to 1')
            if min_confidence > 0 and not self.has_scores:
                raise EngineError(self._no_scores())
        if unlabelled_id is not None:
            self._table, self._class_table = self._tables(unlabelled_id)
            self._unlabelled_id = unlabelled_id
        if min_confidence is not None:
            self._threshold = math.ceil(255 * min_confidence)

    def set_groups(self, groups: ClassGroups | None, *, unlabelled_id: int) -> None:
        """Change which classes are merged, and ``labels`` with them; None for all classes.

        Args:
            groups: Of the model's classes.
            unlabelled_id: Goes with them, because it must not be the id of a class.

        Raises:
            LabelSetError: If the groups do not fit the model; then nothing is changed.
            SettingError: If the id is out of range, or that of a class; likewise.
        """
        before = self._groups, self.labels
        self.labels, self._groups = _classes(self.engine, groups), groups
        try:
            self.set_unlabelled(unlabelled_id=unlabelled_id)
        except (LabelSetError, SettingError):
            self._groups, self.labels = before
            raise

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def _results(
        self, frames: Sequence[Prepared], outputs: Outputs, infer_ms: float, confidence: bool
    ) -> list[Segmentation]:
        results = []
        for index, frame in enumerate(frames):
            start = time.perf_counter_ns()
            labels, certainty = self._labels(outputs, index, frame.layout, confidence)
            timing_ms = {
                'preprocess': frame.preprocess_ms,
                'infer': infer_ms,
                'upsample': (time.perf_counter_ns() - start) / 1e6,
            }
            results.append(Segmentation(labels, certainty, timing_ms, frame.layout))
        return results

    def _labels(
        self, outputs: Outputs, index: int, plan: Layout, confidence: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        metadata = self.engine.model.metadata
        scores = confidence or self._threshold > 0
        if scores and 'logits' not in outputs:
            raise EngineError(self._no_scores())
        certainty = None
        # An engine may finish at the network's size; other sizes are made from the scores.
        finished = 'logits' not in outputs or (
            'labels' in outputs and plan.labels_hw == plan.network_hw and not scores
        )
        if finished:
            labels = nearest(plan.turned_back(outputs['labels'][index]), plan.labels_hw)
        elif scores:
            labels, certainty = labels_and_confidence_from_logits(
                plan.turned_back(outputs['logits'][index]),
                plan.labels_hw,
                align_corners=metadata.align_corners,
                temperature=metadata.temperature,
            )
        else:
            labels = labels_from_logits(
                plan.turned_back(outputs['logits'][index]),
                plan.labels_hw,
                align_corners=metadata.align_corners,
            )
        # Labels that the engine made are class ids already.
        table = self._class_table if finished else self._table
        if table is not None:
            labels = cv2.LUT(labels, table)
        if certainty is not None and self._threshold:
            np.putmask(labels, certainty < self._threshold, self._unlabelled_id)
        labels = plan.mask_from_labels(labels, fill=self._unlabelled_id)
        if not confidence or certainty is None:
            return labels, None
        return labels, plan.mask_from_labels(certainty, fill=0)

    def _tables(self, unlabelled_id: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the (256,) uint8 tables from output index, and from class id, to mask value.

        Each is None if it changes nothing.
        """
        metadata = self.engine.model.metadata
        if not 0 <= unlabelled_id <= 255:
            raise SettingError(f'unlabelled_id is {unlabelled_id}; accepted: 0 to 255')
        table = np.full(256, unlabelled_id, np.uint8)
        if self._groups is not None:
            used = self._groups.used_ids(metadata.labels)
            table = self._groups.table(metadata.labels, unlabelled_id=unlabelled_id)
        else:
            used = set(range(self.labels.num_classes))
            table[: self.labels.num_classes] = np.arange(self.labels.num_classes)
        if unlabelled_id in used:
            raise SettingError(
                f"unlabelled_id {unlabelled_id} is the class '{self.labels.names[unlabelled_id]}';"
                ' choose a free id, or keep this one free with a class group that has no classes'
            )
        outputs = output_table(metadata, unlabelled_id=UNLABELLED)
        class_ids = [
            *range(metadata.labels.num_classes),
            *([] if outputs is None else [UNLABELLED]),
        ]
        by_class = None if np.array_equal(table[class_ids], class_ids) else table
        by_output = table if outputs is None else table[outputs]
        num_outputs = self.engine.model.num_outputs
        if np.array_equal(by_output[:num_outputs], np.arange(num_outputs)):
            return None, by_class
        return by_output, by_class

    def _no_scores(self) -> str:
        return (
            f'{self.engine.model.path.name} gives labels without scores, so there is no '
            "confidence; convert it again with a 'logits' output"
        )


def _together(frames: Sequence[Prepared]) -> np.ndarray:
    """Return the images of frames as one array, that of a single frame as it is."""
    images = [frame.image for frame in frames]
    return images[0] if len(images) == 1 else np.concatenate(images)


def _classes(engine: Engine, groups: ClassGroups | None) -> LabelSet:
    labels = engine.model.metadata.labels
    return labels if groups is None else groups.label_set(labels)


def load_segmenter(
    path: str | Path,
    *,
    engine: str = 'onnxruntime',
    providers: Sequence[str] = ('CPUExecutionProvider',),
    threads: int = 0,
    tensorrt: TensorRtOptions | None = None,
    openvino: OpenVinoOptions | None = None,
    progress: Progress | None = None,
    geometry: Geometry = WHOLE_FRAME,
    groups: ClassGroups | str | Path | None = None,
    min_confidence: float = 0.0,
    unlabelled_id: int = UNLABELLED,
) -> Segmenter:
    """Load a model and warm it up.

    Args:
        path: A .onnx file made by ``rtseg convert``, or the name of a model the package ships.
        engine: ``onnxruntime``, ``openvino`` or ``tensorrt``.
        providers: ONNX Runtime execution providers, in order of preference.
        threads: Threads of one inference with ONNX Runtime; 0 for one per core.
        tensorrt: Options of TensorRT; defaults if None.
        openvino: Options of OpenVINO; defaults if None.
        progress: Called with a fraction from 0 to 1 and what is being done while TensorRT
            builds; what it raises cancels the build.
        geometry: How frames get into the network and masks out of it.
        groups: Class groups, or their YAML file.
        min_confidence: Pixels below it become unlabelled, 0 to 1.
        unlabelled_id: Value of unlabelled pixels.

    Raises:
        ModelFileError: If the file is not such a model.
        EngineError: If the engine cannot be created.
        LabelSetError: If the class groups do not fit the model.
        SettingError: If another option is not possible.
    """
    if isinstance(groups, (str, Path)):
        groups = load_class_groups(groups)
    model = read_model_file(model_path(path))
    # Imported here so that a robot needs only the library that it runs.
    built: Engine
    if engine == 'onnxruntime':
        try:
            from rtseg_ros.runtime.onnx_engine import OnnxEngine
        except ImportError as error:
            raise EngineError(
                f'ONNX Runtime cannot be imported ({error}); pip install onnxruntime (which '
                'rosdep install does for the key python3-onnxruntime-pip), or use the engine '
                'tensorrt or openvino'
            ) from error
        built = OnnxEngine(model, providers=providers, threads=threads)
    elif engine == 'tensorrt':
        from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine

        built = TensorRtEngine(model, tensorrt, progress=progress)
    elif engine == 'openvino':
        from rtseg_ros.runtime.openvino.engine import OpenVinoEngine

        built = OpenVinoEngine(model, openvino)
    else:
        raise EngineError(f"engine is '{engine}'; accepted: {', '.join(ENGINES)}")
    try:
        segmenter = Segmenter(
            built,
            geometry=geometry,
            groups=groups,
            min_confidence=min_confidence,
            unlabelled_id=unlabelled_id,
        )
        segmenter.engine.warm_up()
    except Exception:
        built.close()  # a GPU's memory is not left to the garbage collector
        raise
    return segmenter
