# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How to build and run a TensorRT engine: every option once, with its default and range."""

from dataclasses import dataclass
from pathlib import Path

from rtseg_ros.engines import FLAVOURS, PRECISIONS
from rtseg_ros.errors import EngineError
from rtseg_ros.options import check_values, parameter

FINISHES = ('measured', 'engine', 'host')


@dataclass(frozen=True)
class TensorRtOptions:
    """Options of the TensorRT engine; fit for ROS parameters and shell options."""

    flavour: str = parameter(
        'tensorrt', 'The library: TensorRT, or TensorRT-RTX as tensorrt_rtx.', choices=FLAVOURS
    )
    device: int = parameter(0, 'Number of the GPU, from 0.', minimum=0, maximum=63)
    precision: str = parameter(
        '',
        'Precision to build; empty for that of the model file. Only TensorRT 8 can build fp16 '
        'from an fp32 file: from TensorRT 10 on the file decides.',
        choices=('', *PRECISIONS),
    )
    tf32: bool = parameter(
        False, 'Let fp32 layers round their inputs to TF32: faster, less exact.'
    )
    workspace_mib: int = parameter(
        0, 'Scratch memory that a layer may use, MiB; 0 for no limit.', minimum=0, maximum=1 << 20
    )
    dla_core: int = parameter(
        -1, 'DLA core of a Jetson, 0 or 1; -1 for the GPU.', minimum=-1, maximum=3
    )
    dla_only: bool = parameter(
        False, 'Refuse a model with layers that the DLA cannot take, instead of giving them to '
        'the GPU.',
    )  # fmt: skip
    finish: str = parameter(
        'measured',
        'What turns logits into labels: the engine (GPU), the host (CPU), or measured: both are '
        'built once and the faster one is kept.',
        choices=FINISHES,
    )
    cuda_graph: bool = parameter(True, 'Replay the work of a frame as one CUDA graph.')
    mapped_memory: bool = parameter(
        False, 'Work on host memory in place instead of copying; integrated GPUs only.'
    )
    compute_targets: str = parameter(
        '',
        'TensorRT-RTX only: GPUs to build for without having them, e.g. SM86,SM89; empty for '
        'the GPU of this machine.',
    )
    cache_folder: str = parameter(
        '', 'Folder of the plans; empty for rtseg_ros in XDG_CACHE_HOME or ~/.cache.'
    )

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant.

        Raises:
            EngineError: Naming the option, its value and what is accepted.
        """
        check_values(self, EngineError)
        if self.compute_targets and self.flavour != 'tensorrt_rtx':
            raise EngineError(
                f"compute_targets is '{self.compute_targets}', and only TensorRT-RTX builds for "
                "other GPUs: set flavour 'tensorrt_rtx', or leave it empty"
            )

    @property
    def on_dla(self) -> bool:
        """Whether a DLA core is asked for."""
        return self.dla_core >= 0

    @property
    def targets(self) -> list[str]:
        """Names of the compute targets, sorted."""
        return sorted(filter(None, self.compute_targets.replace(' ', '').upper().split(',')))

    @property
    def folder(self) -> Path | None:
        """Folder of the plans; None for the default."""
        return Path(self.cache_folder).expanduser() if self.cache_folder else None
