"""From a frame to its labels: the one path that node, CLI, evaluation and benchmark share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import time

import cv2
import numpy as np

from rtseg_ros.errors import EngineError, FrameError
from rtseg_ros.labels import LabelSet
from rtseg_ros.runtime.engine import Engine, Outputs
from rtseg_ros.runtime.model_file import model_path, output_table, read_model_file
from rtseg_ros.runtime.preprocess import image_from_frame, resized_frame
from rtseg_ros.runtime.upsample import labels_and_confidence_from_logits, labels_from_logits


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter says about one frame.

    Attributes:
        labels: (H, W) uint8 class ids at the frame's size; 255 where unlabelled.
        confidence: (H, W) uint8, 255 = certain; None unless asked for.
        timing_ms: Wall time of the stages ``preprocess``, ``infer`` and ``upsample``.
    """

    labels: np.ndarray
    confidence: np.ndarray | None
    timing_ms: dict[str, float]


class Segmenter:
    """Labels frames with one engine.

    Attributes:
        labels: The classes of the model.
        engine: What computes.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.labels: LabelSet = engine.model.metadata.labels
        self._table = output_table(engine.model.metadata)

    def __call__(self, frame: np.ndarray, *, confidence: bool = False) -> Segmentation:
        """Label one frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            confidence: Also compute the confidence of every pixel.

        Returns:
            Newly allocated arrays at the frame's size.

        Raises:
            FrameError: If the frame is not such an array.
            EngineError: If the engine fails.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise FrameError(
                f'frame is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3), BGR'
            )
        start = time.perf_counter_ns()
        image = self._image(frame)
        preprocessed = time.perf_counter_ns()
        outputs = self.engine.infer(image)
        inferred = time.perf_counter_ns()
        labels, certainty = self._finish(outputs, (frame.shape[0], frame.shape[1]), confidence)
        done = time.perf_counter_ns()
        return Segmentation(
            labels,
            certainty,
            {
                'preprocess': (preprocessed - start) / 1e6,
                'infer': (inferred - preprocessed) / 1e6,
                'upsample': (done - inferred) / 1e6,
            },
        )

    def logits(self, frame: np.ndarray) -> np.ndarray:
        """Return the network's scores of one frame, as the confidence is computed from.

        Args:
            frame: (H, W, 3) uint8 BGR.

        Returns:
            (K, h, w) float32, newly allocated; K counts an unlabelled output too.

        Raises:
            EngineError: If the model gives labels only, or the engine fails.
        """
        outputs = self.engine.infer(self._image(frame))
        if 'logits' not in outputs:
            raise EngineError(
                f'{self.engine.model.path.name} gives labels without scores; convert it again '
                "with a 'logits' output"
            )
        return outputs['logits'][0].copy()

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def _image(self, frame: np.ndarray) -> np.ndarray:
        model = self.engine.model
        if model.input.dtype == 'uint8':
            return np.ascontiguousarray(resized_frame(frame, model.size_hw))[None]
        return image_from_frame(frame, model.metadata.preprocessing)

    def _finish(
        self, outputs: Outputs, size_hw: tuple[int, int], confidence: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        metadata = self.engine.model.metadata
        certainty = None
        if 'logits' not in outputs:
            if confidence:
                raise EngineError(
                    f'{self.engine.model.path.name} gives labels without scores, so there is no '
                    "confidence; convert it again with a 'logits' output"
                )
            labels = cv2.resize(
                outputs['labels'][0], size_hw[::-1], interpolation=cv2.INTER_NEAREST
            )
        elif confidence:
            labels, certainty = labels_and_confidence_from_logits(
                outputs['logits'][0],
                size_hw,
                align_corners=metadata.align_corners,
                temperature=metadata.temperature,
            )
        else:
            labels = labels_from_logits(
                outputs['logits'][0], size_hw, align_corners=metadata.align_corners
            )
        if self._table is not None:
            labels = cv2.LUT(labels, self._table)
        return labels, certainty


def load_segmenter(
    path: str | Path,
    *,
    engine: str = 'onnxruntime',
    providers: Sequence[str] = ('CPUExecutionProvider',),
    threads: int = 0,
) -> Segmenter:
    """Load a model and warm it up.

    Args:
        path: A .onnx file made by ``rtseg convert``, or the name of a model the package ships.
        engine: ``onnxruntime``.
        providers: ONNX Runtime execution providers, in order of preference.
        threads: Threads of one inference; 0 for one per core.

    Raises:
        ModelFileError: If the file is not such a model.
        EngineError: If the engine cannot be created.
    """
    model = read_model_file(model_path(path))
    if engine != 'onnxruntime':
        raise EngineError(f"engine is '{engine}'; accepted: onnxruntime")
    # Imported here so that a robot that runs TensorRT does not need ONNX Runtime.
    from rtseg_ros.runtime.onnx_engine import OnnxEngine

    segmenter = Segmenter(OnnxEngine(model, providers=providers, threads=threads))
    segmenter.engine.warm_up()
    return segmenter
