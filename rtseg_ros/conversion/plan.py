# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Builds the TensorRT plan of a model file ahead of the robot's first start; needs no torch."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError, ModelFileError
from rtseg_ros.progress import Staged
from rtseg_ros.runtime.model_file import carries_metadata, read_model_file
from rtseg_ros.runtime.plans.plan_cache import PlanCache
from rtseg_ros.runtime.shipped import model_path
from rtseg_ros.runtime.tensorrt.engine import build_plan
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.runtime.tensorrt.plan import open_target

STAGE = 'building the TensorRT plan'


@dataclass(frozen=True)
class BuiltPlan:
    """A plan that the cache holds now.

    Attributes:
        model: Path of the model file.
        device: Name of the GPU, or the compute targets.
        precision: As built.
        layers: Layers of the network as parsed.
        dla_layers: Those that the DLA can take.
        seconds: Time of the build.
        fresh: It was built just now, not found.
        folder: Of the cache.
    """

    model: Path
    device: str
    precision: str
    layers: int
    dla_layers: tuple[str, ...]
    seconds: float
    fresh: bool
    folder: Path

    def summary(self) -> str:
        """Return one line for people."""
        how = 'built in' if self.fresh else 'was there already, built in'
        dla = f', {len(self.dla_layers)} of {self.layers} layers fit the DLA'
        return (
            f'TensorRT plan of {self.model.name} for {self.device}: {how} {self.seconds:.0f} s as '
            f'{self.precision}{dla if self.dla_layers else ""}; in {self.folder}'
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for machines."""
        return {
            'model': str(self.model),
            'device': self.device,
            'precision_as_built': self.precision,
            'layers': self.layers,
            'dla_can_take': list(self.dla_layers),
            'build_seconds': self.seconds,
            'fresh': self.fresh,
            'folder': str(self.folder),
        }


def only_engine(settings: ConversionSettings, options: TensorRtOptions) -> bool:
    """Tell whether the checkpoint is a model file already, so that there is a plan to build only.

    Raises:
        ConversionError: If the settings contradict that.
        EngineError: If a plan is asked for and there is no GPU or library to build it with.
    """
    try:
        is_model = carries_metadata(model_path(settings.checkpoint))
    except ModelFileError:
        is_model = False  # whoever reads checkpoints says what is missing
    if is_model and not settings.engine:
        raise ConversionError(
            f"checkpoint is '{settings.checkpoint}', a model file already; set engine to build "
            'its TensorRT plan'
        )
    if is_model:
        others = [
            item.name
            for item in fields(settings)
            if item.name not in ('checkpoint', 'engine')
            and getattr(settings, item.name) != item.default
        ]
        if others:
            raise ConversionError(
                f"{', '.join(others)} cannot be chosen for '{settings.checkpoint}': it is a model "
                'file already; convert its checkpoint again, or leave that out'
            )
    if settings.engine:
        open_target(options)  # before minutes of other work
    return is_model


def build_model_plan(model: str | Path, options: TensorRtOptions, progress: Staged) -> BuiltPlan:
    """Make sure that the cache holds the plan of a model file.

    Args:
        model: The .onnx file, or the name of a model the package ships.
        options: Those that the node will have.
        progress: Told the stage, and percent of 100 done; starts anew with each plan.

    Raises:
        ModelFileError: If the file is not such a model.
        EngineError: If it cannot be built.
    """
    file = read_model_file(model_path(model))
    seen: list[int] = []

    def tell(fraction: float, phase: str) -> None:
        percent = int(100 * fraction)
        if seen[-1:] != [percent]:  # a build takes thousands of steps
            seen.append(percent)
            progress(STAGE, percent, 100)

    manifest = build_plan(file, options, progress=tell).manifest
    return BuiltPlan(
        model=file.path,
        device=str(manifest.key['device']),
        precision=str(manifest.facts['precision_as_built']),
        layers=int(manifest.facts['layers_parsed']),
        dla_layers=tuple(manifest.facts['dla_can_take']),
        seconds=float(manifest.facts['build_seconds']),
        fresh=bool(seen),
        folder=PlanCache(options.folder).folder,
    )
