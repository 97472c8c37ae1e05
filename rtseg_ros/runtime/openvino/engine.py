# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Inference with OpenVINO: the same .onnx, the same labels, on an Intel or AMD computer."""

from collections.abc import Callable, Mapping
import logging
from typing import Any

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine, Outputs, Running
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.openvino.compile import compiled_model, open_target
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.openvino.precision import compiled_precision
from rtseg_ros.runtime.openvino.request import Request
from rtseg_ros.runtime.plans.built_precision import UNKNOWN, BuiltPrecision

_LOG = logging.getLogger('rtseg_ros.openvino')
LARGEST_BATCH = 64
REQUESTS = 2


class OpenVinoEngine(Engine):
    """Runs a model with OpenVINO; the device asked for must be the device got.

    The input is read where it lies and the outputs are views of the request's memory: nothing
    is copied on the way. With streams a batch is as many images as streams, each on its own,
    also of a model that takes one image only.
    """

    name = 'openvino'

    def __init__(self, model: ModelFile, options: OpenVinoOptions | None = None) -> None:
        """Compile the model, or take it compiled from the cache.

        Args:
            model: From ``read_model_file``.
            options: Defaults if None.

        Raises:
            EngineError: If OpenVINO is not installed, has no such device or cannot take the
                model, or the device does not compute in the precision asked for.
        """
        super().__init__(model)
        options = options or OpenVinoOptions()
        target = open_target(options)
        compiled = compiled_model(target, model, options)
        # OpenVINO may give a port the names of other tensors that hold the same values.
        names = [port.get_names() for port in compiled.model.outputs]
        wanted = 'logits' if 'logits' in model.outputs else 'labels'
        output = next(index for index, found in enumerate(names) if wanted in found)
        self.device = target.full_name
        if options.device == 'AUTO':
            got = ', '.join(compiled.model.get_property('EXECUTION_DEVICES'))
            self.device = f'{got} (chosen by AUTO)'
        layers = compiled_precision(compiled.model)
        self.precision = (
            str(BuiltPrecision(layers)) if layers else f'{UNKNOWN} (asked: {compiled.asked})'
        )
        self.precision_reason = compiled.reason
        if layers and not runs_in(layers, compiled.asked):
            found = f'OpenVINO runs the layers of {model.path.name} in {self.precision}'
            if options.precision != 'auto':
                raise EngineError(
                    f'{found}, not in {compiled.asked} as asked for; take precision fp32 or auto'
                )
            self.precision_reason = f'{found}, though {target.full_name} names {compiled.asked}'
        if self.precision_reason:
            _LOG.info('%s runs in %s: %s', model.path.name, self.precision, self.precision_reason)
        if options.streams > 1:
            self.max_batch = options.streams
        elif model.input.shape[0] == -1:
            self.max_batch = LARGEST_BATCH
        self.requests = REQUESTS
        self._compiled: Any = compiled.model
        self._free = [
            Request(compiled.model, {wanted: output}, streams=options.streams)
            for _ in range(REQUESTS)
        ]
        if options.streams > 1:
            blank = np.zeros((1, *model.input.shape[1:]), model.input.dtype)
            for request in self._free:
                request.bind(blank)

    def _infer(self, image: np.ndarray) -> Outputs:
        request = self._next()
        request.start(image, lambda: None)
        return request.wait()

    def _begin(self, image: np.ndarray, on_done: Callable[[], None]) -> Running:
        request = self._next()
        request.start(image, on_done)
        return self._free.pop(0)

    def _release(self, running: Running) -> None:
        assert isinstance(running, Request)
        try:
            running.wait()  # what runs still reads and writes the memory
        except EngineError:  # told to whom it concerned
            pass
        self._free.append(running)

    def _next(self) -> Request:
        if self._compiled is None:
            raise EngineError('the engine is closed')
        return self._free[0]

    def close(self) -> None:
        """Free the requests and the compiled model, once nothing runs any more."""
        for inference in list(self._begun):
            inference.release()
        self._free, self._compiled = [], None


def runs_in(layers: Mapping[str, int], asked: str) -> bool:
    """Tell whether layers run in the precision asked for; what is int8 in the file stays it.

    Args:
        layers: Number of layers with weights by precision.
        asked: ``fp32``, which means all of the others; ``bf16`` or ``fp16``, which mean those
            that the device has kernels for.
    """
    others = set(layers) - {'int8'}
    return not others or (others == {'fp32'} if asked == 'fp32' else asked in others)
