"""What every inference engine does: the base class checks, a backend computes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import ModelFile

Outputs = Mapping[str, np.ndarray]


class Engine(ABC):
    """Runs one model on one device, for one thread at a time.

    Attributes:
        model: The file it was made from.
        device: What computes, e.g. ``cpu`` or the GPU's name.
        precision: Precision as built, not as asked for.
        precision_reason: Why this one, where the engine chose; empty otherwise.
        max_batch: Images that one inference can take.
    """

    name: str = ''

    def __init__(self, model: ModelFile) -> None:
        self.model = model
        self.device = 'cpu'
        self.precision = model.metadata.precision
        self.precision_reason = ''
        self.max_batch = 1

    def infer(self, image: np.ndarray) -> Outputs:
        """Run the network once.

        Args:
            image: As ``model.input`` says: uint8 (N, H, W, 3) or float32 (N, 3, H, W),
                C-contiguous, N up to ``max_batch``.

        Returns:
            ``logits`` float32 (N, K, h, w) or ``labels`` uint8 (N, H, W), or both; the engine
            owns the arrays and may overwrite them in the next call.

        Raises:
            EngineError: If the input does not fit or the backend fails.
        """
        expected = self.model.input
        fits = (image.dtype.name, image.shape[1:]) == (expected.dtype, expected.shape[1:])
        if not fits or not 1 <= image.shape[0] <= self.max_batch:
            raise EngineError(
                f'{self.model.path.name} takes {expected.dtype} {expected.shape}, up to '
                f'{self.max_batch} at once, got {image.dtype.name} {image.shape}'
            )
        return self._infer(np.ascontiguousarray(image))

    def warm_up(self, runs: int = 2) -> None:
        """Run on a blank image, so that the first real frame is not the slow one."""
        blank = np.zeros((1, *self.model.input.shape[1:]), self.model.input.dtype)
        for _ in range(runs):
            self.infer(blank)

    def take_over(self) -> None:
        """Make the calling thread the owner, where that matters; between two calls only."""
        return

    @abstractmethod
    def _infer(self, image: np.ndarray) -> Outputs:
        """Compute; dtype, shape and layout of the input are right."""

    @abstractmethod
    def close(self) -> None:
        """Free what the engine holds; it cannot be used afterwards."""
