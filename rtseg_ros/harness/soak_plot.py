# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A picture of a soak: age of the masks and memory of the node over time."""

from collections.abc import Sequence
import io
from pathlib import Path

from rtseg_ros.harness.soak import Moment
from rtseg_ros.output_files import replace_files


def draw(history: Sequence[Moment], path: str | Path) -> None:
    """Draw ages and memory over time.

    Args:
        history: Of a soak.
        path: Of the picture; its suffix says the format, PNG if it has none.

    Raises:
        OSError: If it cannot be written.
        ValueError: If there is no such format.
    """
    from matplotlib.figure import Figure  # --help needs none

    minutes = [moment.seconds / 60 for moment in history]
    figure = Figure((8, 5), layout='constrained')
    ages, memory = figure.subplots(2, sharex=True)
    for name, values in (
        ('p50', [moment.age_p50 for moment in history]),
        ('p99', [moment.age_p99 for moment in history]),
    ):
        gaps = [float('nan') if value is None else value for value in values]
        ages.plot(minutes, gaps, label=name, linewidth=1)
    ages.set_ylabel('age of masks, ms')
    ages.set_ylim(bottom=0)
    ages.legend()
    memory.plot(minutes, [moment.memory_mib for moment in history], color='C2', linewidth=1)
    memory.set_ylabel('memory of the node, MiB')
    memory.set_ylim(0, 1.2 * max(moment.memory_mib for moment in history))
    memory.set_xlabel('minutes')
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix.lstrip('.') or 'png')
    replace_files({Path(path): buffer.getvalue()})
