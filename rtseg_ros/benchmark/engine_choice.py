# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""An engine as the node could be told to use it, and a model that runs in it."""

from dataclasses import dataclass, field
import importlib.util
from typing import Any

import numpy as np

from rtseg_ros.engines import FLAVOURS
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions


@dataclass(frozen=True)
class Choice:
    """An engine as the node could be told to use it.

    Attributes:
        name: For the table.
        package: Python package that it needs.
        engine: The node's parameter ``engine``.
        options: Of the engine's own parameters, those that are not the default.
    """

    name: str
    package: str
    engine: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> str:
        """The lines of the node's parameters, as YAML."""
        nested = ', '.join(f'{key}: {value}' for key, value in self.options.items())
        return f'engine: {self.engine}' + (f'\n{self.engine}: {{{nested}}}' if nested else '')


def installed_choices() -> list[Choice]:
    """Return the engines whose packages are installed, on each device that OpenVINO finds."""
    every = [Choice('onnxruntime', 'onnxruntime', 'onnxruntime')]
    every.append(Choice('openvino', 'openvino', 'openvino'))
    if importlib.util.find_spec('openvino') is not None:
        import openvino

        every += [
            Choice(f'openvino {device}', 'openvino', 'openvino', {'device': device})
            for device in openvino.Core().available_devices
            if device != 'CPU'
        ]
    for flavour in FLAVOURS:
        options = {'flavour': flavour} if flavour != FLAVOURS[0] else {}
        every.append(Choice(flavour, flavour, 'tensorrt', options))
    return [choice for choice in every if importlib.util.find_spec(choice.package) is not None]


class EngineContender:
    """Labels frames with one engine, in the process that makes it."""

    def __init__(self, model: str, choice: Choice) -> None:
        """Load the model.

        Raises:
            RtsegError: If the engine cannot run it.
        """
        openvino = tensorrt = None
        if choice.engine == 'openvino':
            openvino = OpenVinoOptions(**choice.options)
        elif choice.engine == 'tensorrt':
            tensorrt = TensorRtOptions(**choice.options)
        self._segmenter = load_segmenter(
            model, engine=choice.engine, openvino=openvino, tensorrt=tensorrt
        )

    def __call__(self, frame: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        """Label a frame, (H, W, 3) uint8 BGR; the time of each stage in ms."""
        result = self._segmenter(frame)
        return result.labels, result.timing_ms

    def facts(self) -> dict[str, str]:
        """Say what the model runs in."""
        return {'precision': self._segmenter.engine.precision}
