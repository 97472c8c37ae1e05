# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the owner of a Jetson or a GPU sends back: the check of the TensorRT engine as a report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rtseg_ros.benchmark.hardware_check import check_hardware
from rtseg_ros.errors import EngineError
from rtseg_ros.machine import machine
from rtseg_ros.output_files import write_json, write_text
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.shipped import SHIPPED_MODELS, model_path
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions


def hardware_report(
    models: Sequence[str],
    output: Path,
    *,
    options: TensorRtOptions | None = None,
    runs: int = 300,
    loads: int = 100,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Check models on this machine's GPU and write ``tensorrt.json`` and ``tensorrt.md``.

    Needs no torch: TensorRT, and ONNX Runtime to compare with.

    Args:
        models: Paths of .onnx files or names of shipped models; all shipped ones if empty.
        output: Folder for the files.
        options: How to run them; defaults if None.
        runs: Timed runs of each way.
        loads: How often to load and free an engine.
        say: Told what is being done.

    Returns:
        What was written to ``tensorrt.json``; ``passed`` tells whether all is as it should be.

    Raises:
        EngineError: If there is no GPU, no TensorRT or no ONNX Runtime.
        ModelFileError: If a model cannot be read.
    """
    try:
        from rtseg_ros.runtime.onnx_engine import OnnxEngine
    except ModuleNotFoundError as error:
        raise EngineError(
            'the labels of TensorRT are compared with those of ONNX Runtime, which is not '
            'installed: pip install onnxruntime'
        ) from error
    names = list(models) or sorted(path.stem for path in SHIPPED_MODELS.glob('*.onnx'))
    results = []
    for name in names:
        model = read_model_file(model_path(name))
        say(f'{model.path.name}:')
        reference = OnnxEngine(model)
        try:
            results.append(
                check_hardware(
                    model,
                    options or TensorRtOptions(),
                    reference,
                    runs=runs,
                    loads=loads,
                    say=say,
                )
            )
        finally:
            reference.close()
    document = {
        'machine': machine(),
        'models': results,
        'passed': all(result['passed'] for result in results),
    }
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / 'tensorrt.json', document)
    write_text(output / 'tensorrt.md', markdown(document))
    return document


def markdown(document: dict[str, Any]) -> str:
    """Return the report as Markdown: one table of facts, one of checks for each model."""
    facts = ', '.join(f'{key} {value}' for key, value in document['machine'].items())
    lines = ['# TensorRT on this machine', '', facts, '']
    for result in document['models']:
        lines += [f'## {result["model"]}', '', '| what | seen |', '|---|---|']
        lines += [_row(item) for item in (*result['findings'], *result['checks'])]
        lines.append('')
    lines.append('All as it should be.' if document['passed'] else 'NOT all as it should be.')
    return '\n'.join(lines) + '\n'


def _row(item: dict[str, Any]) -> str:
    mark = '**problem:** ' if item['ok'] is False else ''
    return f'| {item["name"]} | {mark}{item["text"].replace("|", "/")} |'
