# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The precision in which an engine runs the layers of a model, whatever was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN = 'unknown'


@dataclass(frozen=True)
class BuiltPrecision:
    """Precision as built.

    Attributes:
        layers: Number of layers with weights by precision, e.g. ``{'fp16': 40, 'fp32': 2}``.
        tf32_layers: Those of the fp32 layers that round their inputs to TF32.
        dla_layers: Names of the parts that run on a DLA.
    """

    layers: Mapping[str, int]
    tf32_layers: int = 0
    dla_layers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return e.g. ``fp16``, or ``fp16 (40 of 42 layers; fp32 2)``, or ``unknown``."""
        if not self.layers:
            return UNKNOWN
        order = sorted(self.layers.items(), key=lambda item: -item[1])
        main, count = order[0]
        notes = [f'{name} {number}' for name, number in order[1:]]
        if self.tf32_layers:
            notes.append(f'TF32 in {self.tf32_layers}')
        if self.dla_layers:
            notes.append(f'{len(self.dla_layers)} parts on the DLA')
        if not notes:
            return main
        return f'{main} ({count} of {sum(self.layers.values())} layers; {", ".join(notes)})'
