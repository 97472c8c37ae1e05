# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""TensorRT or TensorRT-RTX as one thing: the Python module, its version, and what it logged."""

from collections import deque
from dataclasses import dataclass
from functools import cache
import importlib
import logging
from typing import Any

from rtseg_ros.engines import FLAVOURS
from rtseg_ros.errors import EngineError

_LOG = logging.getLogger('rtseg_ros.tensorrt')
_INSTALL = {
    'tensorrt': 'on a Jetson: sudo apt install python3-libnvinfer (and make a virtual '
    'environment with --system-site-packages); on a PC: pip install tensorrt',
    'tensorrt_rtx': 'pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings',
}
# Features, not version numbers, decide: this is what TensorRT 8.6 was the first to have.
_REQUIRED = {
    'DataType': 'UINT8',
    'ICudaEngine': 'num_io_tensors',
    'IExecutionContext': 'execute_async_v3',
    'IBuilderConfig': 'set_memory_pool_limit',
    'HardwareCompatibilityLevel': 'NONE',
}


@dataclass(frozen=True)
class TensorRt:
    """The library in use.

    Attributes:
        api: Its Python module.
        flavour: ``tensorrt`` or ``tensorrt_rtx``.
        version: As the module says, e.g. ``10.3.0``.
        logger: The one ILogger that every object of this library is given.
    """

    api: Any
    flavour: str
    version: str
    logger: Any

    @property
    def title(self) -> str:
        """Name and version for messages."""
        return f'{"TensorRT-RTX" if self.flavour == "tensorrt_rtx" else "TensorRT"} {self.version}'

    def said(self) -> str:
        """Return the errors that the library logged since the last call, oldest first.

        TensorRT reports most failures as None or False and says why only in its log.
        """
        text = ' | '.join(dict.fromkeys(self.logger.errors))
        self.logger.errors.clear()
        return text or 'it gave no reason'


@cache
def load_tensorrt(flavour: str = 'tensorrt') -> TensorRt:
    """Import the library; creates no TensorRT object besides a logger.

    Args:
        flavour: ``tensorrt``, or ``tensorrt_rtx`` for TensorRT-RTX.

    Raises:
        EngineError: If it is not installed, broken or older than TensorRT 8.6.
    """
    if flavour not in FLAVOURS:
        raise EngineError(f"flavour is '{flavour}'; accepted: {', '.join(FLAVOURS)}")
    try:
        api = _import(flavour)
    except (ImportError, OSError) as error:
        raise EngineError(
            f'the Python module of {flavour} cannot be imported: {error}. {_INSTALL[flavour]}. To '
            "run without it: engine 'onnxruntime'"
        ) from error
    version = str(getattr(api, '__version__', 'of unknown version'))
    missing = [
        f'{name}.{attribute}'
        for name, attribute in _REQUIRED.items()
        if not hasattr(getattr(api, name, None), attribute)
    ]
    if missing:
        raise EngineError(
            f'{flavour} {version} is too old: it has no {", ".join(missing)}. TensorRT 8.6 '
            '(JetPack 6.0) is the oldest that works'
        )
    logger = _new_logger(api)
    # Operators of foreign models can be plugins, e.g. InstanceNormalization in 8.6.
    if hasattr(api, 'init_libnvinfer_plugins') and not api.init_libnvinfer_plugins(logger, ''):
        _LOG.warning('%s %s did not register its plugins', flavour, version)
    return TensorRt(api, flavour, version, logger)


def _import(flavour: str) -> Any:
    if flavour == 'tensorrt':
        return importlib.import_module('tensorrt')
    try:
        return importlib.import_module('tensorrt_rtx')
    except ModuleNotFoundError as error:
        if error.name != 'tensorrt_rtx':
            raise
    # The wheels of the libraries and of the bindings, without the one that joins them.
    importlib.import_module('tensorrt_rtx_libs')
    return importlib.import_module('tensorrt_rtx_bindings')


def _new_logger(api: Any) -> Any:
    levels = {
        'INTERNAL_ERROR': logging.ERROR,
        'ERROR': logging.ERROR,
        'WARNING': logging.WARNING,
        'INFO': logging.DEBUG,
    }

    class Logger(api.ILogger):  # type: ignore[misc]  # the base is known at run time only
        def __init__(self) -> None:
            api.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=20)

        def log(self, severity: Any, message: str) -> None:
            level = levels.get(severity.name)
            if level is None:  # VERBOSE: a line per layer and tactic
                return
            if level == logging.ERROR:
                self.errors.append(message.strip())
            _LOG.log(level, '%s', message)

    return Logger()
