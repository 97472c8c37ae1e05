"""The pictures of the report: frame, prediction, truth and errors as data URIs."""

import base64
from collections.abc import Mapping
from html import escape

import cv2
import numpy as np

from rtseg_ros.evaluation.previews import Preview
from rtseg_ros.labels import LabelSet

_WRONG_BGR = (60, 90, 255)


def frames_section(previews: Mapping[str, Preview], labels: LabelSet) -> str:
    """Return the section with one row of pictures per frame; scores in their titles.

    Args:
        previews: Frames by title.
        labels: Colours of the classes.
    """
    blocks = []
    for title, preview in previews.items():
        pictures = ''.join(
            f'<figure><img src="{data}" alt="{escape(caption)} of frame {escape(preview.name)}">'
            f'<figcaption>{escape(caption)}</figcaption></figure>'
            for caption, data in _pictures(preview, labels)
        )
        blocks.append(
            f'<h3>{escape(title.capitalize())}: {escape(preview.name)}, mIoU '
            f'{100 * preview.score:.1f} %</h3><div class="frames">{pictures}</div>'
        )
    return f'<section><h2>Frames</h2>{"".join(blocks)}</section>'


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
