"""Subjects that are kept in a folder: preparing takes longer than racing."""

from dataclasses import asdict
import hashlib
import json
from pathlib import Path

from rtseg_ros import __version__
from rtseg_ros.benchmark.preparation import prepare
from rtseg_ros.benchmark.subject import Source, Subject
from rtseg_ros.output_files import write_text
from rtseg_ros.runtime.preprocess import preprocessing_from_dict


def kept_subject(network: str, size_hw: tuple[int, int], source: Source, folder: Path) -> Subject:
    """Return a subject that was prepared before, or prepare and keep it.

    One prepared from another checkpoint, frames or version of this package is not taken.

    Args:
        network: Name in the zoo; may be empty if the checkpoint says it.
        size_hw: Input height and width in pixels.
        source: Weights and frames.
        folder: Receives a folder for each subject.

    Raises:
        BenchmarkError: If the request makes no sense.
        RtsegError: If a checkpoint, the frames or the network cannot be used.
    """
    key = [__version__, network, size_hw, asdict(source), _digest(source.checkpoint)]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    place = folder / name
    description = place / 'subject.json'
    if not description.exists():
        place.mkdir(parents=True, exist_ok=True)
        subject = prepare(network, size_hw, source, place)
        write_text(description, json.dumps(asdict(subject), default=str))
    return _subject(json.loads(description.read_text(encoding='utf-8')))


def _digest(checkpoint: str) -> str:
    path = Path(checkpoint)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''


def _subject(data: dict) -> Subject:
    return Subject(
        **{
            **data,
            'size_hw': tuple(data['size_hw']),
            'preprocessing': preprocessing_from_dict(data['preprocessing']),
            'plain_onnx': Path(data['plain_onnx']),
            'models': {precision: Path(path) for precision, path in data['models'].items()},
            'frames': Path(data['frames']),
        }
    )
