"""Inference with OpenVINO: the same .onnx, the same labels, on an Intel or AMD computer."""

import logging
from typing import Any

import numpy as np

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.engine import Engine, Outputs
from rtseg_ros.runtime.model_file import ModelFile
from rtseg_ros.runtime.openvino.compile import compiled_model, open_target
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.openvino.precision import compiled_precision
from rtseg_ros.runtime.tensorrt.inspect import UNKNOWN, BuiltPrecision

_LOG = logging.getLogger('rtseg_ros.openvino')
LARGEST_BATCH = 64


class OpenVinoEngine(Engine):
    """Runs a model with OpenVINO; the device asked for must be the device got.

    The input is read where it lies and the outputs are views of the request's memory: nothing
    is copied on the way.

    Attributes:
        precision_reason: Why ``auto`` chose its precision; empty otherwise.
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
        self.precision_reason = compiled.reason
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
        built = BuiltPrecision(layers)
        self.precision = f'{UNKNOWN} (asked: {compiled.asked})' if not layers else str(built)
        if compiled.reason:
            _LOG.info('%s runs in %s: %s', model.path.name, self.precision, compiled.reason)
        if model.input.shape[0] == -1:
            self.max_batch = LARGEST_BATCH

    def _infer(self, image: np.ndarray) -> Outputs:
        if self._request is None:
            raise EngineError('the engine is closed')
        try:
            self._request.infer({0: image}, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise EngineError(f'OpenVINO failed on a frame: {error}') from error
        return {
            name: self._request.get_output_tensor(index).data
            for name, index in self._outputs.items()
        }

    def close(self) -> None:
        """Free the request and the compiled model with it."""
        self._request = None
