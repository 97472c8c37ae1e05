# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every inference engine does: the base class checks, a backend computes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile

Outputs = Mapping[str, np.ndarray]


def nothing() -> None:
    """Be told, and do nothing."""


class Running(Protocol):
    """What a backend makes of an image that it was given."""

    def wait(self) -> Outputs:
        """Return the outputs when they are there.

        Raises:
            EngineError: If the backend failed.
        """


class Done:
    """An inference that was over as soon as it was begun."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def wait(self) -> Outputs:
        """Return the outputs."""
        return self._outputs


class Inference:
    """One image, or batch, on its way through the network; owns its outputs until released.

    Used by the thread that began it. As a context it releases itself at the end.
    """

    def __init__(self, engine: 'Engine', running: Running) -> None:
        self._engine = engine
        self._running: Running | None = running

    def outputs(self) -> Outputs:
        """Wait, and return the outputs; they are valid until ``release``.

        Raises:
            EngineError: If the backend failed, or the inference was released.
        """
        if self._running is None:
            raise EngineError('the inference was released, its outputs are no longer its own')
        return self._running.wait()

    def release(self) -> None:
        """Wait for the end, and give the memory back; a second time is nothing."""
        running, self._running = self._running, None
        if running is not None:
            self._engine.take_back(self, running)

    def __enter__(self) -> 'Inference':
        """Use until the end of the context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release."""
        self.release()


class Engine(ABC):
    """Runs one model on one device, for one thread at a time.

    Attributes:
        model: The file it was made from.
        device: What computes, e.g. ``cpu`` or the GPU's name.
        precision: Precision as built, not as asked for.
        precision_reason: Why this one, where the engine chose; empty otherwise.
        max_batch: Images that one inference can take.
        requests: Inferences that may have begun and not been released at a time.
    """

    name: str = ''

    def __init__(self, model: ModelFile) -> None:
        self.model = model
        self.device = 'cpu'
        self.precision = model.metadata.precision
        self.precision_reason = ''
        self.max_batch = 1
        self.requests = 1
        self._begun: set[Inference] = set()

    def begin(self, image: np.ndarray, *, on_done: Callable[[], None] = nothing) -> Inference:
        """Begin to run the network; the caller can do something else meanwhile.

        Args:
            image: As ``infer`` takes it; not to be changed before the inference is released.
            on_done: Called once, from any thread, when the outputs are there or cannot be had;
                not if this raises.

        Returns:
            To be released; until then its outputs stay what they are, whatever else is begun.

        Raises:
            EngineError: If the input does not fit, all ``requests`` are taken, or the backend
                fails at once.
        """
        inference = Inference(self, self._begin(self._checked(image), on_done))
        self._begun.add(inference)
        return inference

    def infer(self, image: np.ndarray) -> Outputs:
        """Run the network once, and wait.

        Args:
            image: As ``model.input`` says: uint8 (N, H, W, 3) or float32 (N, 3, H, W),
                C-contiguous, N up to ``max_batch``.

        Returns:
            ``logits`` float32 (N, K, h, w) or ``labels`` uint8 (N, H, W), or both; the engine
            owns the arrays and may overwrite them in the next call of this or of ``begin``.

        Raises:
            EngineError: If the input does not fit, all ``requests`` are taken, or the backend
                fails.
        """
        return self._infer(self._checked(image))

    def warm_up(self, runs: int = 2) -> None:
        """Run on a blank image, so that the first real frame is not the slow one."""
        blank = np.zeros((1, *self.model.input.shape[1:]), self.model.input.dtype)
        for _ in range(runs):
            self.infer(blank)

    def take_over(self) -> None:
        """Make the calling thread the owner, where that matters; between two calls only."""
        return

    def take_back(self, inference: Inference, running: Running) -> None:
        """Have an inference's request for another; for ``Inference.release`` alone."""
        self._begun.discard(inference)
        self._release(running)

    @abstractmethod
    def _infer(self, image: np.ndarray) -> Outputs:
        """Compute; dtype, shape and layout of the input are right, and a request is free."""

    def _begin(self, image: np.ndarray, on_done: Callable[[], None]) -> Running:
        """Begin to compute, with the same promises; here for backends that cannot but wait."""
        done = Done(self._infer(image))
        on_done()
        return done

    def _release(self, running: Running) -> None:
        """Take the memory of an inference back, once it is over."""
        return

    @abstractmethod
    def close(self) -> None:
        """Free what the engine holds, once nothing runs any more; it cannot be used afterwards."""

    def _checked(self, image: np.ndarray) -> np.ndarray:
        expected = self.model.input
        fits = (image.dtype.name, image.shape[1:]) == (expected.dtype, expected.shape[1:])
        if not fits or not 1 <= image.shape[0] <= self.max_batch:
            raise EngineError(
                f'{self.model.path.name} takes {expected.dtype} {expected.shape}, up to '
                f'{self.max_batch} at once, got {image.dtype.name} {image.shape}'
            )
        if len(self._begun) >= self.requests:
            raise EngineError(
                f'{self.name} has {self.requests} requests, and as many inferences have begun; '
                'release one first'
            )
        return np.ascontiguousarray(image)
