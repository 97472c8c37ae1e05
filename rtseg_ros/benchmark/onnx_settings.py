"""Our model under other settings of ONNX Runtime, to see what each of them is worth.

The first is what ``OnnxEngine`` uses. All finish their labels as our Segmenter does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rtseg_ros.benchmark.contenders.contender import Contender, Entry
from rtseg_ros.benchmark.contenders.cpu import staged
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.runtime.model_file import ModelFile, read_model_file
from rtseg_ros.runtime.upsample import labels_from_logits

# Changes onnxruntime.SessionOptions.
Change = Callable[[Any], None]


def _session(model: ModelFile, change: Change) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    change(options)
    return onnxruntime.InferenceSession(
        model.logits_only(), options, providers=['CPUExecutionProvider']
    )


def _with(subject: Subject, precision: str, *, change: Change) -> Contender:
    model = read_model_file(subject.models[precision])
    session = _session(model, change)
    return _contender(
        subject, model, lambda image: session.run(['logits'], {model.input.name: image})[0]
    )


def _io_binding(subject: Subject, precision: str) -> Contender:
    """Bind an output that is used again for every frame, and each frame where it lies."""
    model = read_model_file(subject.models[precision])
    session = _session(model, lambda options: None)
    binding = session.io_binding()
    shape = session.run(['logits'], {model.input.name: _blank(model)})[0].shape
    logits = np.empty(shape, np.float32)
    binding.bind_output('logits', 'cpu', 0, np.float32, shape, logits.ctypes.data)

    def infer(image: np.ndarray) -> np.ndarray:
        binding.bind_input(model.input.name, 'cpu', 0, image.dtype, image.shape, image.ctypes.data)
        session.run_with_iobinding(binding)
        return logits

    return _contender(subject, model, infer)


def _contender(
    subject: Subject, model: ModelFile, infer: Callable[[np.ndarray], np.ndarray]
) -> Contender:
    def labels(logits: np.ndarray) -> np.ndarray:
        return labels_from_logits(
            logits[0], subject.size_hw, align_corners=model.metadata.align_corners
        )

    return staged(('preprocess', lambda frame: frame[None]), ('infer', infer), ('labels', labels))


def _blank(model: ModelFile) -> np.ndarray:
    return np.zeros((1, *model.input.shape[1:]), model.input.dtype)


def _entry(description: str, change: Change) -> Entry:
    return Entry(partial(_with, change=change), 'onnxruntime', description)


def _no_change(options: Any) -> None:
    return


def _no_arena(options: Any) -> None:
    options.enable_cpu_mem_arena = False


def _no_pattern(options: Any) -> None:
    options.enable_mem_pattern = False


def _no_spinning(options: Any) -> None:
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')


def _no_denormals(options: Any) -> None:
    options.add_session_config_entry('session.set_denormal_as_zero', '1')


def _one_thread(options: Any) -> None:
    options.intra_op_num_threads = 1


def _plain_layout(options: Any) -> None:
    """Keep all of ONNX Runtime's fusions but its own blocked memory layout (NCHWc)."""
    import onnxruntime

    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = level


SETTINGS: dict[str, Entry] = {
    'ort_default': _entry('one thread per core, arena, NCHWc layout: what we use', _no_change),
    'ort_io_binding': Entry(_io_binding, 'onnxruntime', 'input and output bound to NumPy arrays'),
    'ort_no_arena': _entry('memory from the system for every frame', _no_arena),
    'ort_no_pattern': _entry('no plan of the memory of a frame', _no_pattern),
    'ort_no_spinning': _entry('threads sleep between two operators', _no_spinning),
    'ort_no_denormals': _entry('denormal numbers count as zero', _no_denormals),
    'ort_one_thread': _entry('one thread', _one_thread),
    'ort_nchw': _entry('plain NCHW layout', _plain_layout),
}
