# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One inference in OpenVINO: a request for all its images or, with streams, one for each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import threading
from typing import Any

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Outputs
from rtseg_ros.runtime.openvino.compile import first_line, is_out_of_memory


class Request:
    """Runs images; its outputs stay until it runs again.

    Nothing is copied on the way: images are read where they lie, and outputs are views of
    OpenVINO's memory, or with streams one array that all requests write their part of.
    """

    def __init__(self, compiled: Any, outputs: Mapping[str, int], *, streams: int) -> None:
        """Set up.

        Args:
            compiled: ``openvino.CompiledModel``.
            outputs: Name of each output and its index.
            streams: Above 1 each image has a request of its own, up to so many.

        Raises:
            EngineError: If there is not enough memory.
        """
        self._outputs = dict(outputs)
        with explained('has no room for the memory of a frame'):
            self._parts = [compiled.create_infer_request() for _ in range(streams)]
        self._arrays: dict[str, np.ndarray] = {}
        self._images: np.ndarray | None = None  # held while it is read
        self._lock = threading.Lock()
        self._left = 0
        self._on_done: Callable[[], None] = lambda: None
        for part in self._parts:
            part.set_callback(lambda _: self._part_done(), None)

    def bind(self, blank: np.ndarray) -> None:
        """Have all parts write into one array, whose shape running a blank image tells."""
        import openvino

        first = self._parts[0]
        with explained('failed on a blank frame'):
            self.start(blank, lambda: None)
            self.wait()
            for name, index in self._outputs.items():
                one = first.get_output_tensor(index).data
                whole = np.empty((len(self._parts), *one.shape[1:]), one.dtype)
                self._arrays[name] = whole
                for number, part in enumerate(self._parts):
                    tensor = openvino.Tensor(whole[number : number + 1], shared_memory=True)
                    part.set_output_tensor(index, tensor)

    def start(self, images: np.ndarray, on_done: Callable[[], None]) -> None:
        """Begin; ``on_done`` is called once, from a thread of OpenVINO.

        Raises:
            EngineError: If OpenVINO refuses.
        """
        parts = self._parts[: len(images)] if len(self._parts) > 1 else self._parts
        self._images, self._left, self._on_done = images, len(parts), on_done
        with explained('failed on a frame'):
            for number, part in enumerate(parts):
                own = images[number : number + 1] if len(self._parts) > 1 else images
                part.start_async({0: own}, share_inputs=True)

    def wait(self) -> Outputs:
        """Return the outputs when they are there.

        Raises:
            EngineError: If OpenVINO failed.
        """
        assert self._images is not None
        with explained('failed on a frame'):
            for part in self._parts[: len(self._images)]:
                part.wait()
        if self._arrays:
            count = len(self._images)
            return {name: whole[:count] for name, whole in self._arrays.items()}
        first = self._parts[0]
        return {name: first.get_output_tensor(index).data for name, index in self._outputs.items()}

    def addresses(self) -> tuple[list[int], list[int]]:
        """Return where the inputs and outputs of the parts lie, for those who doubt it."""
        index = next(iter(self._outputs.values()))
        return (
            [part.get_input_tensor(0).data.ctypes.data for part in self._parts],
            [part.get_output_tensor(index).data.ctypes.data for part in self._parts],
        )

    def _part_done(self) -> None:
        with self._lock:
            self._left -= 1
            over = self._left == 0
        if over:
            self._on_done()


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Make the library's errors ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        advice = 'take the engine onnxruntime, and run rtseg doctor --engine openvino'
        if is_out_of_memory(error):
            advice = 'there is not enough memory: end other programs, or take a smaller model'
        raise EngineError(f'OpenVINO {what}: {first_line(error)}; {advice}') from error
