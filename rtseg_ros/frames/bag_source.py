"""One camera of a bag as a source of frames and ground truth."""

from collections import Counter, deque
from collections.abc import Iterator
import colorsys
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bags import COMPRESSED, IMAGE, LABEL_INFO, BagReader, RawMessage
from rtseg_ros.frames.image_message import (
    frame_from_compressed,
    frame_from_image,
    labels_from_compressed,
    pixels_from_image,
)
from rtseg_ros.frames.sources import MAX_STAMP_GAP_NS, Item
from rtseg_ros.labels import BUILT_IN, UNLABELLED, LabelSet

# Frames that may wait for labels that were recorded later.
PAIRING_WINDOW = 16
# An id that the LabelInfo does not name.
UNKNOWN = 254


class BagSource:
    """One camera of a bag; ground truth belongs to the frame with the same stamp.

    Attributes:
        reader: The open bag.
        image_topic: Image or CompressedImage.
        labels_topic: Label images; empty without ground truth.
        labels: Meaning of the ground truth; None if the bag does not say.
        truth_table: (256,) uint8, id in the bag's label images to class id; None if equal.
        problems: What was noticed on the way, with counts.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        image_topic: str = '',
        labels_topic: str = '',
        labels: LabelSet | None = None,
    ) -> None:
        """Open the bag and find the topics.

        Args:
            path: The bag.
            image_topic: Image or CompressedImage; may be empty if the bag has only one camera.
            labels_topic: Label images; empty for ``labels_gt`` beside the image topic, if it
                is there.
            labels: Meaning of the label images; None to take it from LabelInfo.

        Raises:
            BagError: If the bag is damaged, or the topics are missing, of the wrong type or
                ambiguous.
        """
        self.reader = BagReader(path)
        self.problems: Counter[str] = Counter()
        self.image_topic = image_topic or self._only_camera()
        self._check(self.image_topic)
        camera = camera_of(self.image_topic)
        self.labels_topic = labels_topic or f'{camera}/labels_gt'
        if labels_topic or self.labels_topic in self.reader.topics:
            self._check(self.labels_topic)
        else:
            self.labels_topic = ''
        self.labels = labels
        self.truth_table: np.ndarray | None = None
        self.label_info_topic = f'{camera}/label_info'
        info = self.reader.topics.get(self.label_info_topic)
        if labels is None and self.labels_topic and info is not None and info.count:
            names = self.reader.label_names(self.label_info_topic)
            self.labels, self.truth_table = label_set_from_names(names)

    def __len__(self) -> int:
        """Return the number of images, as the bag's index says."""
        return self.reader.topics[self.image_topic].count

    def __iter__(self) -> Iterator[Item]:
        """Read the frames in the order they were recorded.

        Raises:
            BagError: Where the bag is damaged.
        """
        before_ns: int | None = None
        seen: deque[int] = deque(maxlen=PAIRING_WINDOW)
        for stamp_ns, image, labels in self._pairs():
            if stamp_ns in seen:
                self.problems['images with the stamp of an earlier one'] += 1
            seen.append(stamp_ns)
            if before_ns is not None and stamp_ns < before_ns:
                self.problems['images out of order'] += 1
            gap_ns = 0 if before_ns is None else stamp_ns - before_ns
            before_ns = stamp_ns
            yield Item(
                f'{stamp_ns / 1e9:.3f}',
                stamp_ns,
                0 < gap_ns <= MAX_STAMP_GAP_NS,
                lambda raw=image: _frame(raw),  # type: ignore[misc]
                lambda raw=labels: None if raw is None else self._truth(raw),  # type: ignore[misc]
                lambda: None,
            )

    def facts(self) -> dict[str, Any]:
        """Describe the bag and its topics."""
        return {
            'kind': 'bag',
            'name': str(self.reader.path),
            'image_topic': self.image_topic,
            'labels_topic': self.labels_topic,
            'frames': len(self),
            'duration_s': self.reader.duration_s,
        }

    def _pairs(self) -> Iterator[tuple[int, RawMessage, RawMessage | None]]:
        """Yield images in order, each with its labels, holding at most a window of both."""
        images: deque[tuple[int, RawMessage]] = deque()
        labels: dict[int, RawMessage] = {}
        topics = [self.image_topic] + ([self.labels_topic] if self.labels_topic else [])
        lacking = sum(self.reader.topics[topic].count for topic in topics)
        for raw in self.reader.messages(topics):
            lacking -= 1
            try:
                stamp_ns = raw.stamp_ns
            except FrameError:
                self.problems['messages without a header'] += 1
                continue
            if raw.topic == self.image_topic:
                images.append((stamp_ns, raw))
            else:
                labels[stamp_ns] = raw
            while len(labels) > PAIRING_WINDOW:
                del labels[next(iter(labels))]
                self.problems['labels without an image'] += 1
            while images and (
                images[0][0] in labels or len(images) > PAIRING_WINDOW or len(topics) == 1
            ):
                stamp_ns, image = images.popleft()
                yield stamp_ns, image, labels.pop(stamp_ns, None)
        for stamp_ns, image in images:
            yield stamp_ns, image, labels.pop(stamp_ns, None)
        self._notice('labels without an image', len(labels))
        self._notice("messages that the bag's index promises and its file lacks", lacking)

    def _notice(self, problem: str, count: int) -> None:
        if count > 0:
            self.problems[problem] += count

    def _only_camera(self) -> str:
        cameras = [
            topic.name
            for topic in self.reader.topics.values()
            if topic.message_type in (IMAGE, COMPRESSED)
            and topic.name.rsplit('/', 1)[-1] not in ('labels_gt', 'mask', 'overlay', 'confidence')
        ]
        if len(cameras) == 1:
            return cameras[0]
        what = f'several image topics ({", ".join(cameras)}): name one' if cameras else (
            f'no image topic; {self.reader.contents()}'
        )  # fmt: skip
        raise BagError(f"bag '{self.reader.path}' has {what}")

    def _check(self, name: str) -> None:
        topic = self.reader.topics.get(name)
        if topic is None:
            raise BagError(
                f"bag '{self.reader.path}' has no topic {name}; {self.reader.contents()}"
            )
        if topic.message_type not in (IMAGE, COMPRESSED):
            raise BagError(f'{name} is {topic.message_type}; expected {IMAGE} or {COMPRESSED}')

    def _truth(self, raw: RawMessage) -> np.ndarray:
        message = raw.decode()
        if raw.message_type == COMPRESSED:
            labels = labels_from_compressed(message)
        else:
            if message.encoding not in ('mono8', '8UC1'):
                raise FrameError(f"ground truth has encoding '{message.encoding}'; expected mono8")
            message.encoding = 'mono8'
            labels = pixels_from_image(message)
        return labels if self.truth_table is None else self.truth_table[labels]


def _frame(raw: RawMessage) -> np.ndarray:
    message = raw.decode()
    if raw.message_type == COMPRESSED:
        return frame_from_compressed(message)
    return frame_from_image(message)


def camera_of(image_topic: str) -> str:
    """Return a camera's namespace: ``/cam`` of ``/cam/image_raw`` or ``.../compressed``."""
    return image_topic.removesuffix('/compressed').rpartition('/')[0]


def label_set_from_names(names: dict[int, str]) -> tuple[LabelSet, np.ndarray]:
    """Make a label set of a LabelInfo's classes; the highest id means unlabelled.

    Returns:
        A built-in set if the names are its own, and the (256,) uint8 table from the ids of the
        LabelInfo to class ids.

    Raises:
        BagError: If there are no classes, or names occur twice.
    """
    ids = sorted(i for i in names if i < UNLABELLED)
    ordered = tuple(names[i] for i in ids)
    if not ids or len(set(ordered)) != len(ordered):
        raise BagError(f'{LABEL_INFO} lists {names}; expected at least one class, each name once')
    table = np.full(256, UNKNOWN, np.uint8)
    table[UNLABELLED] = UNLABELLED
    table[ids] = np.arange(len(ids))
    for built_in in BUILT_IN.values():
        if built_in.names == ordered:
            return built_in, table
    hues = [colorsys.hsv_to_rgb(i * 0.618 % 1, 0.65, 0.85) for i in range(len(ids))]
    colors = tuple((round(r * 255), round(g * 255), round(b * 255)) for r, g, b in hues)
    return LabelSet('label_info', ordered, colors), table
