# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A run's figures as TensorBoard event files beside curve.csv; needs the package tensorboard."""

from pathlib import Path
from typing import Any

from rtseg_ros.errors import TrainingError
from rtseg_ros.requirements import how_to_get
from rtseg_ros.training.curve import EpochFigures


class EventFiles:
    """Writes one point per epoch; TensorBoard joins the files of a run that was continued."""

    def __init__(self, folder: Path, *, epoch: int) -> None:
        """Open a file.

        Args:
            folder: Of the run.
            epoch: How many are finished; points of later ones, left by a killed run, are dropped.

        Raises:
            TrainingError: If the package tensorboard is not there.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingError(
                f'--tensorboard: {how_to_get("tensorboard", verb="train")}'
            ) from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=epoch + 1)

    def add(self, figures: EpochFigures, *, learning_rate: float) -> None:
        """Write the figures of an epoch; val_miou only where it was validated.

        Args:
            figures: Of the epoch.
            learning_rate: Of the decoder in its last step.
        """
        values = {
            'loss': figures.loss,
            'learning_rate': learning_rate,
            'seconds': figures.seconds,
            'val_miou': figures.miou,
        }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, figures.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
