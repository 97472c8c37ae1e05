# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Inference with TensorRT: the same .onnx, the same labels, on a Jetson or a desktop GPU.

The engine belongs to the thread that made it. A call from another thread raises, because a
context used from two threads corrupts itself; ``take_over`` hands it on.
"""

from collections.abc import Iterator, Mapping
import threading

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine, Outputs
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.plans.built_precision import UNKNOWN
from rtseg_ros.runtime.plans.plan_cache import Plan
from rtseg_ros.runtime.tensorrt.finish import labels_in_engine, open_session
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import cached_plan, open_target
from rtseg_ros.runtime.tensorrt.progress import Progress
from rtseg_ros.runtime.tensorrt.session import Session


def build_plan(
    model: ModelFile, options: TensorRtOptions, *, progress: Progress | None = None
) -> Plan:
    """Make sure that the cache holds the plan which ``TensorRtEngine`` will load.

    Args:
        model: From ``read_model_file``.
        options: The same as at run time.
        progress: Called with a fraction from 0 to 1, starting anew with each plan, and what is
            being done. What it raises cancels the build.

    Raises:
        EngineError: If there is no GPU or library, or the model cannot be built.
    """
    target = open_target(options)
    labels = labels_in_engine(target, model, options, progress=progress)
    return cached_plan(target, model, options, labels=labels, progress=progress)


class TensorRtEngine(Engine):
    """Runs a model with TensorRT, one image at a time.

    Attributes:
        finishes: Whether labels are made on the GPU.
        uses_graph: Whether frames are replayed as a CUDA graph; known after the first.
    """

    name = 'tensorrt'

    def __init__(
        self,
        model: ModelFile,
        options: TensorRtOptions | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Load the plan from the cache or build it, and allocate all that a frame needs.

        Args:
            model: From ``read_model_file``.
            options: Defaults if None.
            progress: See ``build_plan``.

        Raises:
            EngineError: If there is no GPU or library, the model cannot be built, or memory
                runs out.
        """
        super().__init__(model)
        options = options or TensorRtOptions()
        if options.targets:
            raise EngineError(
                f"compute_targets is '{options.compute_targets}': such a plan is built for other "
                'GPUs, not run; leave it empty to run on this one'
            )
        self._owner = threading.current_thread()
        self._frame = 0
        target = open_target(options)
        assert target.cuda is not None
        assert target.device is not None
        self._cuda, self._device = target.cuda, target.device
        self.device = f'{target.device.name} (compute {target.device.compute_capability})'
        if options.on_dla:
            self.device = f'DLA {options.dla_core} of {self.device}'
        self.finishes = labels_in_engine(target, model, options, progress=progress)
        session = open_session(target, model, options, labels=self.finishes, progress=progress)
        try:
            _check_outputs(session, model)
        except EngineError:
            session.close()
            raise
        self._session: Session | None = session
        self.precision = str(session.precision)
        if self.precision == UNKNOWN:
            asked = options.precision or model.metadata.precision
            self.precision = f'{UNKNOWN} ({asked} asked for)'

    @property
    def uses_graph(self) -> bool:
        """Whether frames are replayed as a CUDA graph; known after the first one."""
        return self._session is not None and self._session.uses_graph

    def take_over(self) -> None:
        """Make the calling thread the owner; the last owner must have finished its call."""
        self._owner = threading.current_thread()
        self._cuda.select(self._device.index)

    def _infer(self, image: np.ndarray) -> Outputs:
        session = self._owned()
        self._frame += 1
        return _FrameOutputs(self, self._frame, session.run(image))

    def fetch(self, name: str, frame: int) -> np.ndarray:
        """Bring an output of a frame, by its number, to the host if it is still the last one."""
        session = self._owned()
        if frame != self._frame:
            raise EngineError(
                f"'{name}' of frame {frame} was overwritten by frame {self._frame}; take what "
                'you need of a frame before the next one'
            )
        return session.fetch(name)

    def close(self) -> None:
        """Free everything on the GPU; arrays that were returned become invalid."""
        if self._session is not None:
            session, self._session = self._owned(), None
            session.close()

    def _owned(self) -> Session:
        if self._session is None:
            raise EngineError('the engine is closed')
        if self._owner is not threading.current_thread():
            if self._owner.is_alive():
                raise EngineError(
                    f"the engine belongs to thread '{self._owner.name}' and was called from "
                    f"'{threading.current_thread().name}'; call it from its own thread, or "
                    'take_over() in the new one'
                )
            self.take_over()
        return self._session


class _FrameOutputs(Mapping[str, np.ndarray]):
    """Outputs of one frame; what is not needed is not copied from the GPU."""

    def __init__(self, engine: TensorRtEngine, frame: int, eager: np.ndarray) -> None:
        self._engine, self._frame = engine, frame
        self._arrays = {'labels' if engine.finishes else 'logits': eager}
        self._names = [
            name for name in engine.model.outputs if engine.finishes or name == 'logits'
        ]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._arrays:
            self._arrays[name] = self._engine.fetch(name, self._frame)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _check_outputs(session: Session, model: ModelFile) -> None:
    """Refuse a plan whose tensors are not those of the model: nobody may read beyond a buffer."""
    expected = {model.input.name: model.input, **model.outputs}
    for name, (dtype, shape) in session.tensors().items():
        spec = expected.get(name)
        one = None if spec is None else (1, *spec.shape[1:])  # of an open batch, too
        if spec is None or (spec.dtype, one) != (dtype, shape):
            raise EngineError(
                f"'{name}' of the plan is {dtype} {shape}; {model.path.name} says "
                + ('nothing of it' if spec is None else f'{spec.dtype} {one}')
            )
