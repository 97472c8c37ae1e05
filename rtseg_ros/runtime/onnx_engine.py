# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Inference with ONNX Runtime, on the CPU or any provider that it was built with."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import onnxruntime as ort

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine, Outputs, Running
from rtseg_ros.runtime.int8_cpu import with_unsigned_activations
from rtseg_ros.runtime.model_file import ModelFile

CPU = 'CPUExecutionProvider'
LARGEST_BATCH = 64
REQUESTS = 2


class OnnxEngine(Engine):
    """Runs a model with ONNX Runtime; providers asked for must be providers got."""

    name = 'onnxruntime'

    def __init__(
        self, model: ModelFile, *, providers: Sequence[str] = (CPU,), threads: int = 0
    ) -> None:
        """Load the model.

        Args:
            model: From ``read_model_file``.
            providers: ONNX Runtime execution providers, in order of preference.
            threads: Threads of one inference; 0 for one per core.

        Raises:
            EngineError: If no provider is given, one is missing or refuses, or the graph cannot
                be loaded.
        """
        super().__init__(model)
        if not providers:
            raise EngineError(
                f'providers is empty; accepted: {", ".join(ort.get_available_providers())}'
            )
        missing = [name for name in providers if name not in ort.get_available_providers()]
        if missing:
            raise EngineError(
                f'ONNX Runtime {ort.__version__} has no {", ".join(missing)}; it has '
                f'{", ".join(ort.get_available_providers())}. Install the build for your device'
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors come as exceptions; a log per frame floods
        # Labels are finished outside, from the logits, which is faster and exact.
        has_logits = 'logits' in model.outputs
        content = model.logits_only() if has_logits else model.content
        if model.metadata.precision == 'int8' and CPU in providers:
            content = with_unsigned_activations(content)
        try:
            self._session: ort.InferenceSession | None = ort.InferenceSession(
                content, options, providers=list(providers)
            )
        except Exception as error:  # ONNX Runtime raises its own unrelated types
            raise EngineError(
                f"ONNX Runtime {ort.__version__} cannot load '{model.path}': {error}"
            ) from error
        got = self._session.get_providers()
        if got[: len(providers)] != list(providers):
            raise EngineError(
                f'asked ONNX Runtime for {", ".join(providers)} and got {", ".join(got)}; see '
                'its log for why the device was refused'
            )
        self.device = providers[0].removesuffix('ExecutionProvider').lower()
        self._outputs = ['logits'] if has_logits else ['labels']
        if model.input.shape[0] == -1:
            self.max_batch = LARGEST_BATCH
        self.requests = REQUESTS
        self._thread: ThreadPoolExecutor | None = None  # from the first ``begin`` on

    def _infer(self, image: np.ndarray) -> Outputs:
        if self._session is None:
            raise EngineError('the engine is closed')
        try:
            values = self._session.run(self._outputs, {self.model.input.name: image})
        except Exception as error:  # ONNX Runtime raises its own unrelated types
            raise EngineError(f'ONNX Runtime failed on a frame: {error}') from error
        return dict(zip(self._outputs, values, strict=True))

    def _begin(self, image: np.ndarray, on_done: Callable[[], None]) -> Running:
        if self._session is None:
            raise EngineError('the engine is closed')
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix='onnxruntime')
        future = self._thread.submit(self._infer, image)
        future.add_done_callback(lambda _: on_done())
        return _InThread(future)

    def close(self) -> None:
        """Free the session, once nothing runs any more."""
        if self._thread is not None:
            self._thread.shutdown()
        self._session = self._thread = None


class _InThread:
    """A run in another thread; ONNX Runtime gives every run memory of its own."""

    def __init__(self, future: 'Future[Outputs]') -> None:
        self._future = future

    def wait(self) -> Outputs:
        """Return the outputs when they are there."""
        return self._future.result()
