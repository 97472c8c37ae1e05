"""Inference with OpenVINO: the same .onnx, the same labels, on an Intel or AMD computer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import logging
from typing import Any

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine, Outputs
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.openvino.compile import (
    compiled_model,
    first_line,
    is_out_of_memory,
    open_target,
)
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.openvino.precision import compiled_precision
from rtseg_ros.runtime.tensorrt.inspect import UNKNOWN, BuiltPrecision

_LOG = logging.getLogger('rtseg_ros.openvino')
LARGEST_BATCH = 64


class OpenVinoEngine(Engine):
    """Runs a model with OpenVINO; the device asked for must be the device got.

    The input is read where it lies and the outputs are views of the request's memory: nothing
    is copied on the way.
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
        with _explained('has no room for the memory of a frame'):
            self._request: Any = compiled.model.create_infer_request()
        # OpenVINO may give a port the names of other tensors that hold the same values.
        names = [port.get_names() for port in compiled.model.outputs]
        wanted = 'logits' if 'logits' in model.outputs else 'labels'
        self._outputs = {
            wanted: next(index for index, found in enumerate(names) if wanted in found)
        }
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
        if model.input.shape[0] == -1:
            self.max_batch = LARGEST_BATCH

    def _infer(self, image: np.ndarray) -> Outputs:
        if self._request is None:
            raise EngineError('the engine is closed')
        with _explained('failed on a frame'):
            self._request.infer({0: image}, share_inputs=True, share_outputs=True)
        return {
            name: self._request.get_output_tensor(index).data
            for name, index in self._outputs.items()
        }

    def close(self) -> None:
        """Free the request and the compiled model with it."""
        self._request = None


def runs_in(layers: Mapping[str, int], asked: str) -> bool:
    """Tell whether layers run in the precision asked for; what is int8 in the file stays it.

    Args:
        layers: Number of layers with weights by precision.
        asked: ``fp32``, which means all of the others; ``bf16`` or ``fp16``, which mean those
            that the device has kernels for.
    """
    others = set(layers) - {'int8'}
    return not others or (others == {'fp32'} if asked == 'fp32' else asked in others)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Make the library's errors ours."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        advice = 'take the engine onnxruntime, and run rtseg doctor --engine openvino'
        if is_out_of_memory(error):
            advice = 'there is not enough memory: end other programs, or take a smaller model'
        raise EngineError(f'OpenVINO {what}: {first_line(error)}; {advice}') from error
