"""The pictures of the report: frame, prediction, truth and errors as data URIs."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.labels import LabelSet

_WRONG_BGR = (60, 90, 255)


@dataclass(frozen=True)
class ShownFrame:
    """One frame on the page.

    Attributes:
        title: Why it was chosen.
        name: Of the frame.
        score: Its mIoU.
        pictures: Captions and data URIs.
    """

    title: str
    name: str
    score: float
    pictures: list[tuple[str, str]]


def shown_frames(previews: Mapping[str, Preview], labels: LabelSet) -> list[ShownFrame]:
    """Return the frames with their pictures.

    Args:
        previews: Frames by title.
        labels: Colours of the classes.
    """
    return [
        ShownFrame(title.capitalize(), preview.name, preview.score, _pictures(preview, labels))
        for title, preview in previews.items()
    ]


def _pictures(preview: Preview, labels: LabelSet) -> list[tuple[str, str]]:
    frame, prediction, truth = (
        _decoded(data) for data in (preview.frame, preview.prediction, preview.truth)
    )
    palette = labels.palette_bgr()
    errors = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) // 2
    errors[(truth != prediction) & (truth < labels.num_classes)] = _WRONG_BGR
    return [
        ('frame', _data_uri('jpeg', preview.frame)),
        ('prediction', _data_uri('png', _png(palette[prediction]))),
        ('truth', _data_uri('png', _png(palette[truth]))),
        ('errors', _data_uri('png', _png(errors))),
    ]


def _decoded(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def _png(pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    return data.tobytes()


def _data_uri(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
