# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT and OpenVINO would refuse of a foreign model: asked of the installed libraries."""

from pathlib import Path
from typing import Any

from rtseg_ros.errors import RtsegError

_TITLES = {'tensorrt': 'TensorRT', 'tensorrt_rtx': 'TensorRT-RTX'}


def asked_of_libraries(path: Path) -> dict[str, str]:
    """Return what each library says of a model, by its name; why it was not asked, else.

    Args:
        path: Of a foreign .onnx file; weights beside it are read by our own rules.
    """
    try:
        from rtseg_ros.conversion.foreign.source import read_source

        content = read_source(path).model.SerializeToString()
    except ImportError as error:
        reason = f'not asked: it needs the package {error.name}'
    except (RtsegError, OSError) as error:
        reason = f'not asked: {error}'
    else:
        return {
            'OpenVINO': _openvino(content),
            **{title: _tensorrt(flavour, content) for flavour, title in _TITLES.items()},
        }
    return dict.fromkeys(('OpenVINO', *_TITLES.values()), reason)


def _openvino(content: bytes) -> str:
    try:
        import openvino
    except ImportError:
        return 'not asked: it is not installed'
    core = openvino.Core()
    try:
        model = core.read_model(content)
        supported = core.query_model(model, 'CPU')
    except RuntimeError as error:
        return f'{openvino.__version__} refuses it: {_first_line(error)}'
    refused = sorted(
        {
            operation.get_type_name()
            for operation in model.get_ordered_ops()
            if operation.get_friendly_name() not in supported
        }
    )
    if refused:
        return f'{openvino.__version__} does not run on the CPU: {", ".join(refused)}'
    return f'{openvino.__version__} takes all of it on the CPU'


def _tensorrt(flavour: str, content: bytes) -> str:
    from rtseg_ros.runtime.tensorrt.build import new_builder
    from rtseg_ros.runtime.tensorrt.library import load_tensorrt

    try:
        library = load_tensorrt(flavour)
    except RtsegError:
        return 'not asked: it is not installed'
    if flavour == 'tensorrt' and not _has_gpu():
        return f'{library.version} not asked: without a GPU it cannot be'
    api: Any = library.api
    try:
        builder = new_builder(library)
    except RtsegError as error:
        return f'{library.version} not asked: {error}'
    flags = api.NetworkDefinitionCreationFlag
    network = builder.create_network(
        1 << int(flags.EXPLICIT_BATCH) if hasattr(flags, 'EXPLICIT_BATCH') else 0
    )
    parser = api.OnnxParser(network, library.logger)
    if parser.parse(content):
        return f'{library.version} parses all of it'
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    said = ' | '.join(dict.fromkeys(_first_line(error.desc()) for error in errors))
    return f'{library.version} refuses it: {said or library.said()}'


def _has_gpu() -> bool:
    from rtseg_ros.runtime.tensorrt.cudart import open_cuda

    try:
        return open_cuda().device_count() > 0
    except RtsegError:
        return False


def _first_line(what: object) -> str:
    return str(what).strip().splitlines()[-1] if str(what).strip() else 'it gave no reason'
