# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""How to compile and run a model with OpenVINO: every option once, with default and range."""

from dataclasses import dataclass
from pathlib import Path
import re

from rtseg_ros.errors import EngineError
from rtseg_ros.options import check_values, parameter

PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')
_DEVICE = re.compile(r'(CPU|NPU|AUTO|GPU(\.\d+)?)')


@dataclass(frozen=True)
class OpenVinoOptions:
    """Options of the OpenVINO engine; fit for ROS parameters and shell options."""

    device: str = parameter(
        'CPU',
        'What computes: CPU, GPU (Intel; GPU.1 for the second), NPU, or AUTO for the choice of '
        'OpenVINO, which is reported.',
    )
    precision: str = parameter(
        'auto',
        'Of what the file leaves in fp32: a name means exactly that or a refusal; auto is bf16 on '
        'a CPU that computes in it if the model labels the same, else fp32.',
        choices=PRECISIONS,
    )
    threads: int = parameter(
        0, 'Threads of one inference on a CPU; 0 for the choice of OpenVINO.',
        minimum=0, maximum=1024,
    )  # fmt: skip
    streams: int = parameter(
        1, 'Inferences that share the device at once; above 1 only for several cameras.',
        minimum=1, maximum=64,
    )  # fmt: skip
    cache_folder: str = parameter(
        '', 'Folder of the compiled models; empty for rtseg_ros in XDG_CACHE_HOME or ~/.cache.'
    )

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant.

        Raises:
            EngineError: Naming the option, its value and what is accepted.
        """
        check_values(self, EngineError)
        if not _DEVICE.fullmatch(self.device):
            raise EngineError(
                f'device is {self.device!r}; accepted: CPU, GPU, GPU.0, GPU.1, ..., NPU, AUTO'
            )

    @property
    def folder(self) -> Path | None:
        """Folder of the compiled models; None for the default."""
        return Path(self.cache_folder).expanduser() if self.cache_folder else None
