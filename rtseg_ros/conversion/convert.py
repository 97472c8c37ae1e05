"""The whole conversion: read, fit, export, write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtseg_ros.conversion.checkpoint import Checkpoint, read_checkpoint
from rtseg_ros.conversion.export import export_network, file_content, write_atomically
from rtseg_ros.conversion.matching import load_weights
from rtseg_ros.errors import ConversionError
from rtseg_ros.labels import LabelSet, load_label_set
from rtseg_ros.runtime.model_file import ModelMetadata
from rtseg_ros.runtime.preprocess import Preprocessing

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ConversionSettings:
    """What to convert and how.

    Attributes:
        checkpoint: Path of the training checkpoint.
        output: Path of the .onnx file to write.
        network: Name in the zoo; empty to take it from the checkpoint.
        labels: Name or YAML file of the label set; empty to take it from the checkpoint.
    """

    checkpoint: str
    output: str
    network: str = ''
    labels: str = ''


def convert(settings: ConversionSettings, progress: Progress) -> Path:
    """Convert a checkpoint into a model file.

    Args:
        settings: What to convert.
        progress: Called with one line at the start of each stage.

    Returns:
        The path of the model file.

    Raises:
        RtsegError: If anything does not fit; nothing is written then.
    """
    output = Path(settings.output)
    progress(f'reading {settings.checkpoint}')
    checkpoint = read_checkpoint(settings.checkpoint)
    network_name = settings.network or checkpoint.network
    if not network_name:
        raise ConversionError(f"'{checkpoint.path}' does not say its network; give --network")
    labels = _labels(settings, checkpoint)
    network, found = load_weights(
        checkpoint, network_name, outputs=(labels.num_classes, labels.num_classes + 1)
    )
    metadata = ModelMetadata(
        network=network_name,
        labels=labels,
        preprocessing=_preprocessing(settings, checkpoint),
        align_corners=network.align_corners,
        unlabelled_output=labels.num_classes if found.outputs > labels.num_classes else None,
        checkpoint_sha256=checkpoint.sha256,
        accuracy=checkpoint.accuracy,
    )
    progress(f'exporting {network_name}')
    model = export_network(network, metadata)
    progress(f'writing {output}')
    write_atomically(output, file_content(model, metadata))
    return output


def _labels(settings: ConversionSettings, checkpoint: Checkpoint) -> LabelSet:
    if settings.labels:
        return load_label_set(settings.labels)
    if checkpoint.labels is None:
        raise ConversionError(f"'{checkpoint.path}' does not say its classes; give --labels")
    return checkpoint.labels


def _preprocessing(settings: ConversionSettings, checkpoint: Checkpoint) -> Preprocessing:
    if checkpoint.preprocessing is None:
        raise ConversionError(f"'{checkpoint.path}' does not say its preprocessing")
    return checkpoint.preprocessing
