"""``rtseg doctor``: one line for each thing that can be wrong, with what to do about it."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
import sys

from rtseg_ros.argument_types import output_file
from rtseg_ros.doctor import machine_checks
from rtseg_ros.doctor.finding import Finding
from rtseg_ros.doctor.ros_checks import ros
from rtseg_ros.engines import ENGINES, FLAVOURS
from rtseg_ros.errors import ModelFileError
from rtseg_ros.output_files import write_json

# What may be missing or broken is imported where it is looked at.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--model', default='', help='.onnx file or shipped name; empty for the default of the node'
    )
    parser.add_argument('--engine', default='onnxruntime', choices=ENGINES, help='to run it with')
    parser.add_argument(
        '--flavour', default='tensorrt', choices=FLAVOURS, help='library of the engine tensorrt'
    )
    parser.add_argument('--no-dds', action='store_true', help='do not send images through DDS')
    parser.add_argument('--no-graph', action='store_true', help='do not look at running nodes')
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the findings here'
    )


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
    summary = {'problems': problems, 'findings': [asdict(finding) for finding in findings]}
    write_json(arguments.json, summary)
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
        engine = [machine_checks.engine()]
    elif arguments.engine == 'tensorrt' and all(finding.ok for finding in opencv):
        engine = _tensorrt(arguments)
    elif arguments.engine == 'openvino' and all(finding.ok for finding in opencv):
        engine = _openvino(arguments)
    else:
        engine = []
    yield from engine
    # Without them it would only repeat what they say.
    if all(finding.ok for finding in [*opencv, *engine]):
        yield _model(arguments)
        if arguments.engine != 'tensorrt':
            yield from _recommended(arguments)
    yield from machine_checks.folders()
    yield machine_checks.shared_memory()
    yield machine_checks.receive_buffer()
    yield from ros(dds=not arguments.no_dds, graph=not arguments.no_graph)


def _tensorrt(arguments: argparse.Namespace) -> list[Finding]:
    """Look at the GPU, TensorRT and the plans, that of the model among them."""
    from rtseg_ros.doctor.tensorrt_checks import tensorrt_report
    from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path, read_model_file
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    try:
        models = (read_model_file(model_path(arguments.model or DEFAULT_MODEL)),)
    except ModelFileError as error:
        return [Finding('model', False, str(error))]
    return tensorrt_report(TensorRtOptions(flavour=arguments.flavour), models=models)


def _openvino(arguments: argparse.Namespace) -> list[Finding]:
    """Look at OpenVINO, its devices and what is compiled, the model among it."""
    from rtseg_ros.doctor.openvino_checks import openvino_report
    from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path, read_model_file

    try:
        models = (read_model_file(model_path(arguments.model or DEFAULT_MODEL)),)
    except ModelFileError as error:
        return [Finding('model', False, str(error))]
    return openvino_report(models=models)


def _recommended(arguments: argparse.Namespace) -> list[Finding]:
    """Say which engine suits this processor and this model; nothing of a model without a file."""
    from rtseg_ros.doctor.openvino_checks import recommended_engine
    from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path, read_model_file

    try:
        model = read_model_file(model_path(arguments.model or DEFAULT_MODEL))
    except ModelFileError:
        return []  # the model's own finding says it
    return [recommended_engine(model.metadata.precision)]


def _model(arguments: argparse.Namespace) -> Finding:
    """Run the model, which builds its plan first if there is none."""
    from rtseg_ros.runtime import load_segmenter
    from rtseg_ros.runtime.model_file import DEFAULT_MODEL
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    load = partial(
        load_segmenter,
        engine=arguments.engine,
        tensorrt=TensorRtOptions(flavour=arguments.flavour),
        progress=_show_progress,
    )
    return machine_checks.model(arguments.model or DEFAULT_MODEL, load=load)


def _show_progress(fraction: float, what: str) -> None:
    """Say on a terminal how far the building of an engine is, which can take minutes."""
    if sys.stderr.isatty():
        end = '' if fraction < 1 else '\n'
        print(f'\r{what}: {fraction:.0%}  ', end=end, file=sys.stderr, flush=True)
