# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A torch network as the draft of a model file: its export, and the comparison with torch."""

from collections.abc import Callable, Sequence
from pathlib import Path
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch.nn import functional as F

from rtseg_ros.conversion.export import OPSET, export_network
from rtseg_ros.conversion.finishing import Draft, versions
from rtseg_ros.conversion.parity import Differences, Parity, finished_labels, id_table
from rtseg_ros.conversion.passes.operators import use_fast_operators
from rtseg_ros.conversion.weights_at_fault import refuse_absurd_scores
from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sources import Item
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.progress import Counted
from rtseg_ros.runtime.engine import Engine
from rtseg_ros.runtime.model_file import ModelMetadata, model_file_from_content
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.preprocess import image_from_frame, resized_frame
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

# uint8 (1, H, W, 3) -> logits float32 (1, K, h, w), labels uint8 (1, H, W) with the table applied.
Inference = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def network_draft(
    network: SegmentationNetwork,
    metadata: ModelMetadata,
    notes: Sequence[str],
    *,
    output: Path,
    verify_engine: str,
) -> Draft:
    """Return the draft of a network.

    Args:
        network: In eval mode, on the CPU.
        metadata: What the file will say about itself.
        notes: What was decided, one sentence each.
        output: Path of the file to be, for messages.
        verify_engine: What runs the model in the comparison.
    """

    def export() -> onnx.ModelProto:
        model = export_network(network, metadata)
        use_fast_operators(model)
        return model

    def compared(
        content: bytes,
        items: Sequence[Item],
        *,
        source: str,
        tolerance: float,
        progress: Counted,
    ) -> tuple[Parity, tuple[str, ...]]:
        engine: Engine | None = None
        file = model_file_from_content(content, output)
        if verify_engine == 'tensorrt':
            # Imported here: a workstation without a GPU converts too.
            from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine

            engine = TensorRtEngine(file, TensorRtOptions(finish='host'))
            infer, name = engine_inference(engine), f'TensorRT on {engine.device}'
        elif verify_engine == 'openvino':
            from rtseg_ros.runtime.openvino.engine import OpenVinoEngine

            # The file is judged, not what a CPU makes of it; it is not yet what a node will load.
            with tempfile.TemporaryDirectory() as folder:
                options = OpenVinoOptions(precision='fp32', cache_folder=folder)
                engine = OpenVinoEngine(file, options)
            infer = engine_inference(engine)
            name = f'OpenVINO on {engine.device}, {engine.precision}'
        else:
            infer = onnxruntime_inference(content)
            name = f'ONNX Runtime {ort.__version__} on the CPU'
        try:
            parity = compare(
                network,
                infer,
                metadata,
                items,
                engine=name,
                source=source,
                tolerance=tolerance,
                progress=progress,
            )
        finally:
            if engine is not None:
                engine.close()
        return parity, ()

    extra = {'opset': OPSET, 'versions': versions(torch=str(torch.__version__))}
    return Draft(metadata, tuple(notes), export, compared, 'torch', extra)


def compare(
    network: SegmentationNetwork,
    infer: Inference,
    metadata: ModelMetadata,
    items: Sequence[Item],
    *,
    engine: str,
    source: str,
    tolerance: float,
    progress: Counted,
) -> Parity:
    """Label frames with torch and with the exported model.

    Args:
        network: In eval mode, on the CPU.
        infer: Runs the exported model.
        metadata: Of the exported model.
        items: At least one frame; ground truth is used where it is there.
        engine: Name of what ``infer`` runs on, for the record.
        source: Where the frames came from, for the record.
        tolerance: Smallest accepted agreement of a class, 0..1.
        progress: Called with frames done and in all.

    Raises:
        FrameError: If a frame cannot be read.
    """
    classes = metadata.labels.num_classes
    differences = Differences(metadata, reference='torch')
    table = id_table(metadata)
    output_of_id = np.zeros(256, np.uint8)
    output_of_id[table[: classes + 1]] = np.arange(classes + 1)
    for number, item in enumerate(items):
        progress(number, len(items))
        frame, truth = item.frame(), item.truth()
        expected_logits, scores = _torch_scores(network, metadata, frame)
        expected = scores.argmax(axis=0).astype(np.uint8)
        resized = resized_frame(frame, metadata.preprocessing.size_hw)
        logits, labels = infer(np.ascontiguousarray(resized)[None])
        differences.add_ids(table[expected], labels[0])
        differences.add_logits(expected_logits, logits)
        differences.add_ties(scores, expected, output_of_id[labels[0]])
        if truth is not None:
            both = {'torch': expected_logits, 'model': logits}
            differences.add_truth(
                truth,
                {n: finished_labels(values, metadata, truth.shape) for n, values in both.items()},
            )
    progress(len(items), len(items))
    return differences.parity(engine=engine, source=source, tolerance=tolerance)


def onnxruntime_inference(content: bytes) -> Inference:
    """Run a whole model file, both outputs, with ONNX Runtime on the CPU.

    Raises:
        ConversionError: If ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime raises its own unrelated types
        raise ConversionError(f'ONNX Runtime cannot load the exported model: {error}') from error

    def infer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, labels = session.run(['logits', 'labels'], {'image': image})
        return logits, labels

    return infer


def engine_inference(engine: Engine) -> Inference:
    """Run a model by its logits, as a segmenter does, on whatever device the engine uses."""
    metadata = engine.model.metadata

    def infer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = engine.infer(image)['logits']
        return logits, finished_labels(logits, metadata, metadata.preprocessing.size_hw)[None]

    return infer


@torch.no_grad()
def _torch_scores(
    network: SegmentationNetwork, metadata: ModelMetadata, frame: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits (1, K, h, w) and scores (K, H, W) at the network's size.

    Raises:
        ConversionError: If the weights are at fault.
    """
    image = torch.from_numpy(image_from_frame(frame, metadata.preprocessing))
    logits = network.coarse_logits(image)
    refuse_absurd_scores(logits.numpy(), network, image)
    scores = logits
    if scores.shape[2:] != image.shape[2:]:
        scores = F.interpolate(
            scores, size=image.shape[2:], mode='bilinear', align_corners=metadata.align_corners
        )
    return logits.numpy(), scores[0].numpy()
