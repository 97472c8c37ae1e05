# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""All checks in their order: the machine, the engine with its model, ROS and the running graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rtseg_ros.doctor import machine_checks
from rtseg_ros.doctor.purposes import ROBOT, packages
from rtseg_ros.doctor.ros_checks import ros
from rtseg_ros.errors import ModelFileError
from rtseg_ros.progress import Staged
from rtseg_ros.verdict import Verdict

# What may be missing or broken is imported where it is looked at.


@dataclass(frozen=True)
class DoctorSettings:
    """What to check.

    Attributes:
        model: .onnx file or shipped name; empty for the default of the node.
        engine: To run it with.
        flavour: Library of the engine tensorrt.
        dds: Whether to send images through DDS.
        graph: Whether to look at running nodes.
        purpose: What the machine is for; ROS is looked at only on a robot.
    """

    model: str = ''
    engine: str = 'onnxruntime'
    flavour: str = 'tensorrt'
    dds: bool = True
    graph: bool = True
    purpose: str = ROBOT


def diagnose(settings: DoctorSettings, *, progress: Staged) -> Iterator[Verdict]:
    """Check one thing after the other; what cannot work for lack of another is left out.

    Args:
        settings: What to check.
        progress: Told how far the building of an engine is, which can take minutes.
    """
    yield machine_checks.python()
    numpy = machine_checks.numpy()
    yield numpy
    if not numpy.ok:
        return
    opencv = machine_checks.opencv()
    yield from opencv
    if settings.purpose == ROBOT:
        yield machine_checks.cv_bridge()
        yield machine_checks.vision_msgs()
    yield from packages(settings.purpose)
    if settings.engine == 'onnxruntime':
        engine = [machine_checks.engine()]
    elif settings.engine == 'tensorrt' and all(finding.ok for finding in opencv):
        engine = _tensorrt(settings)
    elif settings.engine == 'openvino' and all(finding.ok for finding in opencv):
        engine = _openvino(settings)
    else:
        engine = []
    yield from engine
    # Without them it would only repeat what they say.
    if all(finding.ok for finding in [*opencv, *engine]):
        yield _model(settings, progress)
        if settings.engine != 'tensorrt':
            yield from _recommended(settings)
    yield machine_checks.cache()
    if settings.purpose != ROBOT:
        return
    yield machine_checks.ros_log()
    yield machine_checks.shared_memory()
    yield machine_checks.receive_buffer()
    yield from ros(dds=settings.dds, graph=settings.graph)


def _tensorrt(settings: DoctorSettings) -> list[Verdict]:
    """Look at the GPU, TensorRT and the plans, that of the model among them."""
    from rtseg_ros.doctor.tensorrt_checks import tensorrt_report
    from rtseg_ros.runtime.model_file import read_model_file
    from rtseg_ros.runtime.shipped import DEFAULT_MODEL, model_path
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    try:
        models = (read_model_file(model_path(settings.model or DEFAULT_MODEL)),)
    except ModelFileError as error:
        return [Verdict('model', False, str(error))]
    return tensorrt_report(TensorRtOptions(flavour=settings.flavour), models=models)


def _openvino(settings: DoctorSettings) -> list[Verdict]:
    """Look at OpenVINO, its devices and what is compiled, the model among it."""
    from rtseg_ros.doctor.openvino_checks import openvino_report
    from rtseg_ros.runtime.model_file import read_model_file
    from rtseg_ros.runtime.shipped import DEFAULT_MODEL, model_path

    try:
        models = (read_model_file(model_path(settings.model or DEFAULT_MODEL)),)
    except ModelFileError as error:
        return [Verdict('model', False, str(error))]
    return openvino_report(models=models)


def _recommended(settings: DoctorSettings) -> list[Verdict]:
    """Say which engine suits this processor and this model; nothing of a model without a file."""
    from rtseg_ros.doctor.openvino_checks import recommended_engine
    from rtseg_ros.runtime.model_file import read_model_file
    from rtseg_ros.runtime.shipped import DEFAULT_MODEL, model_path

    try:
        model = read_model_file(model_path(settings.model or DEFAULT_MODEL))
    except ModelFileError:
        return []  # the model's own finding says it
    return [recommended_engine(model.metadata.precision)]


def _model(settings: DoctorSettings, progress: Staged) -> Verdict:
    """Run the model, which builds its plan first if there is none."""
    from rtseg_ros.runtime import load_segmenter
    from rtseg_ros.runtime.shipped import DEFAULT_MODEL
    from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

    load = partial(
        load_segmenter,
        engine=settings.engine,
        tensorrt=TensorRtOptions(flavour=settings.flavour),
        progress=lambda fraction, what: progress(what, fraction, 1.0),
    )
    return machine_checks.model(settings.model or DEFAULT_MODEL, load=load)
