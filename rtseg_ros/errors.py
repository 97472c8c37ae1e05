# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every error the library raises on purpose: what was wrong, what is accepted, what to do."""


class RtsegError(Exception):
    """Base of all errors that a user of rtseg_ros can mend."""


class LabelSetError(RtsegError):
    """A label-set description (YAML or metadata) cannot be used."""


class ModelFileError(RtsegError):
    """A file is not a model that this package can run."""


class EngineError(RtsegError):
    """An inference engine cannot be created or failed while running."""


class FrameError(RtsegError):
    """A frame, or the message that carries it, cannot be segmented."""


class CalibrationError(RtsegError):
    """A camera's calibration is missing or not possible."""


class SettingError(RtsegError):
    """A setting has a value that is not possible."""


class NetworkError(RtsegError):
    """A network name, class count or input size is not possible."""


class CheckpointError(RtsegError):
    """A training checkpoint cannot be read or does not fit the network."""


class ConversionError(RtsegError):
    """A conversion was refused or could not be finished."""


class ParityError(ConversionError):
    """An exported model is not near enough to the network that it came from."""


class DatasetError(RtsegError):
    """A data set is missing, broken or inconsistent."""


class TrainingError(RtsegError):
    """A training run cannot start or continue."""


class BagError(RtsegError):
    """A bag cannot be read or written."""


class EvaluationError(RtsegError):
    """An evaluation cannot be carried out or compared."""


class BenchmarkError(RtsegError):
    """A benchmark cannot be run as asked."""
