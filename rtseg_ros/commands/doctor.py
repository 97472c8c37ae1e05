"""``rtseg doctor``: one line for each thing that can be wrong, with what to do about it."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
import json
from pathlib import Path

from rtseg_ros.doctor import machine_checks
from rtseg_ros.doctor.ros_checks import ros
from rtseg_ros.errors import ModelFileError
from rtseg_ros.runtime.model_file import DEFAULT_MODEL, ModelFile, model_path, read_model_file
from rtseg_ros.runtime.tensorrt_doctor import Finding

ENGINES = ('onnxruntime', 'tensorrt')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    parser.add_argument('--engine', default='onnxruntime', choices=ENGINES, help='to run it with')
    parser.add_argument('--no-dds', action='store_true', help='do not send images through DDS')
    parser.add_argument('--no-graph', action='store_true', help='do not look at running nodes')
    parser.add_argument('--json', metavar='FILE', help='also write the findings here')


def run(arguments: argparse.Namespace) -> int:
    """Print the findings as they come; 1 if there is a problem."""
    findings = []
    for finding in _findings(arguments):
        print(
            f'{"ok     " if finding.ok else "problem"}  {finding.name}: {finding.text}', flush=True
        )
        findings.append(finding)
    problems = sum(not finding.ok for finding in findings)
    print(f'{problems} problem{"" if problems == 1 else "s"} in {len(findings)} checks')
    if arguments.json:
        summary = {'problems': problems, 'findings': [asdict(finding) for finding in findings]}
        Path(arguments.json).write_text(json.dumps(summary, indent=2) + '\n', encoding='utf-8')
    return 1 if problems else 0


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    yield machine_checks.python()
    numpy = machine_checks.numpy()
    yield numpy
    if not numpy.ok:
        return
    opencv = machine_checks.opencv()
    yield from opencv
    yield machine_checks.cv_bridge()
    yield machine_checks.vision_msgs()
    if arguments.engine == 'onnxruntime':
        yield machine_checks.engine()
    else:
        from rtseg_ros.runtime.tensorrt_doctor import tensorrt_report

        yield from tensorrt_report(models=_model_files(arguments.model))
    if all(finding.ok for finding in opencv):
        from rtseg_ros.runtime import load_segmenter

        load = partial(load_segmenter, engine=arguments.engine)
        yield machine_checks.model(arguments.model, load=load)
    yield from machine_checks.folders()
    yield machine_checks.shared_memory()
    yield machine_checks.receive_buffer()
    yield from ros(dds=not arguments.no_dds, graph=not arguments.no_graph)


def _model_files(name_or_path: str) -> tuple[ModelFile, ...]:
    """Return the model, or nothing where it cannot be read: the check of the model says why."""
    try:
        return (read_model_file(model_path(name_or_path)),)
    except ModelFileError:
        return ()
