# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One camera of a bag as a source of frames, each paired with its ground truth by stamp.

evaluation/live/matcher.py pairs those of a running graph.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
import colorsys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bags.messages import COMPRESSED, IMAGE, LABEL_INFO, RawMessage
from rtseg_ros.frames.bags.reader import BagReader, Topic
from rtseg_ros.frames.image_message import (
    frame_from_compressed,
    frame_from_image,
    guessed_order,
    names_no_order,
)
from rtseg_ros.frames.label_image import UNKNOWN, labels_from_message
from rtseg_ros.frames.media.compressed_format import lost_colour
from rtseg_ros.frames.media.packets import PACKET, PacketDecoder
from rtseg_ros.frames.retime import MAX_GAP_S
from rtseg_ros.frames.sources import MAX_STAMP_GAP_NS, Item
from rtseg_ros.frames.stamp import NS_PER_S, why_impossible
from rtseg_ros.labels import BUILT_IN, UNLABELLED, LabelSet

# Frames that may wait for labels that were recorded later.
PAIRING_WINDOW = 16
# Labels that are nearer than this to an image may be meant for it.
NEAR_MISS_NS = 50_000_000
# Last parts of the names of topics that are made from a camera's images.
_NO_CAMERA = ('labels_gt', 'labels', 'mask', 'overlay', 'confidence', 'color_mask', 'depth',
              'labels_map', 'colored_map')  # fmt: skip
# Encodings of depth and of labels; a grey camera is mono8 or 8UC1.
_NO_CAMERA_ENCODINGS = ('16UC1', '32FC1', '16SC1', '32SC1', '64FC1')


class BagSource:
    """One camera of a bag; ground truth belongs to the frame with the same stamp.

    Attributes:
        reader: The open bag.
        image_topic: Image, CompressedImage or packets of a video (FFMPEGPacket).
        labels_topic: Label images; empty without ground truth.
        labels: Meaning of the ground truth; None if the bag does not say.
        truth_table: (256,) uint8, id in the bag's label images to class id; None if equal.
        palette: Label set whose colours the label images have; None if they hold ids.
        left_out: Image topics that were not taken for a camera, with the reason.
        problems: What was noticed on the way, with counts.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        image_topic: str = '',
        labels_topic: str = '',
        labels: LabelSet | None = None,
        labels_colors: bool = False,
        pair_ns: int = 0,
        max_gap_s: float = MAX_GAP_S,
        generic_order: str = 'bgr',
    ) -> None:
        """Open the bag and find the topics.

        Args:
            path: The bag.
            image_topic: Image, CompressedImage or FFMPEGPacket; may be empty if the bag has one
                camera only.
            labels_topic: Label images; empty for ``labels_gt``, or its ``/compressed``, beside the
                image topic, if it is there.
            labels: Meaning of the label images; None to take it from LabelInfo.
            labels_colors: Whether the label images show the colours of ``labels``.
            pair_ns: How far the stamps of an image and its labels may differ.
            max_gap_s: Longer steps between two images are counted as jumps or pauses.
            generic_order: Of the colours in images of 8UC3 and its like.

        Raises:
            BagError: If the bag is damaged, or the topics are missing, of the wrong type or
                ambiguous.
        """
        self.reader = BagReader(path)
        self.problems: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}
        self._grey: set[int] = set()  # images that lost their colours, by the time of recording
        self._guesses: set[int] = set()
        self._generic_order = generic_order
        self._pair_ns = pair_ns
        self.max_gap_ns = round(max_gap_s * NS_PER_S)
        self.image_topic = image_topic or self._only_camera(labels_topic)
        self._check(self.image_topic, (IMAGE, COMPRESSED, PACKET))
        camera = camera_of(self.image_topic)
        beside = f'{camera}/labels_gt'
        if beside not in self.reader.topics and f'{beside}/compressed' in self.reader.topics:
            beside += '/compressed'
        self.labels_topic = labels_topic or beside
        if labels_topic or self.labels_topic in self.reader.topics:
            self._check(self.labels_topic, (IMAGE, COMPRESSED))
        else:
            self.labels_topic = ''
        self.labels = labels
        self.truth_table: np.ndarray | None = None
        self.label_info_topic = f'{camera}/label_info'
        info = self.reader.topics.get(self.label_info_topic)
        if labels is None and self.labels_topic and info is not None and info.count:
            names = self.reader.label_names(self.label_info_topic)
            self.labels, self.truth_table = label_set_from_names(names)
        if labels_colors and self.labels is None:
            raise BagError('--labels-colors needs the label set of the colours: give --labels')
        self.palette = self.labels if labels_colors else None
        if labels_colors:
            self.truth_table = None

    def __len__(self) -> int:
        """Return the number of images, as the bag's index says."""
        return self.reader.topics[self.image_topic].count

    def __iter__(self) -> Iterator[Item]:
        """Read the frames in the order they were recorded.

        Raises:
            BagError: Where the bag is damaged.
        """
        before: tuple[int, int] | None = None
        seen: deque[int] = deque(maxlen=PAIRING_WINDOW)
        decoder = PacketDecoder()
        for index, (image, labels, following) in enumerate(_with_next(self._pairs())):
            stamp_ns = image.stamp_ns
            near = [other.stamp_ns for other in (following,) if other is not None]
            near += [] if before is None else [before[0]]
            fault = why_impossible(*image.stamp)
            if not stamp_ns and near and min(map(abs, near)) > self.max_gap_ns:
                fault = '0 among others'
            if fault:
                self.problems[f'images whose stamp cannot be: {fault}'] += 1
            elif stamp_ns in seen:
                self.problems['images with the stamp of an earlier one'] += 1
            seen.append(stamp_ns)
            # Behind a stamp that cannot be, the distance to the one before is not known.
            gap_ns = 0
            if not fault:
                if before is not None:
                    gap_ns = stamp_ns - before[0]
                    self._notice('images out of order', int(gap_ns < 0))
                    self._notice(
                        f'images more than {self.max_gap_ns / NS_PER_S:g} s after the one before',
                        int(gap_ns > self.max_gap_ns),
                    )
                    gap_ns = gap_ns if before[1] == index - 1 else 0
                before = (stamp_ns, index)
            yield Item(
                f'{stamp_ns / 1e9:.3f}',
                stamp_ns,
                0 < gap_ns <= MAX_STAMP_GAP_NS,
                self._reading(image, decoder),
                lambda raw=labels: None if raw is None else self._truth(raw),  # type: ignore[misc]
                lambda: None,
            )

    def played_duration_s(self) -> float:
        """Return how long the bag plays when pauses and jumps count as the largest gap.

        Where images come every second or more often, as the bag's index says: no other reading.
        """
        duration_s = self.reader.duration_s
        if duration_s <= len(self):
            return duration_s
        total_ns, before_ns = 0, None
        try:
            for raw in self.reader.messages([self.image_topic]):
                if before_ns is not None:
                    total_ns += min(max(raw.log_time_ns - before_ns, 0), self.max_gap_ns)
                before_ns = raw.log_time_ns
        except BagError:
            pass  # who plays it is told
        return total_ns / NS_PER_S

    def first_stamp_ns(self) -> int:
        """Return the stamp of the first image whose stamp can be; 0 if there is none.

        Raises:
            BagError: Where the bag is damaged.
        """
        for item in self:
            assert item.stamp_ns is not None
            if not self.problems.total():
                return item.stamp_ns
            self.problems.clear()
        return 0

    def facts(self) -> dict[str, Any]:
        """Describe the bag and its topics."""
        return {
            'kind': 'bag',
            'name': str(self.reader.path),
            'image_topic': self.image_topic,
            'labels_topic': self.labels_topic,
            'frames': len(self),
            'duration_s': self.reader.duration_s,
            'left_out': dict(self.left_out),
            'broken': list(self.reader.broken),
        }

    def _pairs(self) -> Iterator[tuple[RawMessage, RawMessage | None]]:
        """Yield images in order, each with its labels, holding at most a window of both."""
        self._near_misses, self._nearest_miss_ns = 0, NEAR_MISS_NS
        images: deque[RawMessage] = deque()
        labels: dict[int, RawMessage] = {}
        topics = [self.image_topic] + ([self.labels_topic] if self.labels_topic else [])
        lacking = sum(self._promised(topic) for topic in topics)
        damage: BagError | None = None
        newest_ns = -(2**63)
        messages = self.reader.messages(topics)
        while True:
            try:
                raw = next(messages)
            except StopIteration:
                break
            except BagError as error:  # what was read before is still good
                damage = error
                break
            lacking -= 1
            try:
                stamp_ns = raw.stamp_ns
            except FrameError:
                self.problems['messages without a header'] += 1
                continue
            if raw.topic == self.image_topic:
                images.append(raw)
            else:
                labels[stamp_ns] = raw
                newest_ns = max(newest_ns, stamp_ns)
            while len(labels) > PAIRING_WINDOW:
                del labels[next(iter(labels))]
                self.problems['labels without an image'] += 1
            while images and (
                images[0].stamp_ns in labels
                or newest_ns > images[0].stamp_ns + self._pair_ns > images[0].stamp_ns
                or len(images) > PAIRING_WINDOW
                or len(topics) == 1
            ):
                image = images.popleft()
                yield image, self._partner(image.stamp_ns, labels)
        for image in images:
            yield image, self._partner(image.stamp_ns, labels)
        self._notice('labels without an image', len(labels))
        self._notice(
            f'images whose nearest labels are {self._nearest_miss_ns / 1e6:g} ms away or more: '
            '--pair-ms gives a tolerance', self._near_misses,
        )  # fmt: skip
        if damage is not None:
            raise damage
        self._notice("messages that the bag's index promises and its file lacks", lacking)

    def _partner(self, stamp_ns: int, labels: dict[int, RawMessage]) -> RawMessage | None:
        """Take out the labels of an image: those with its stamp, else the nearest allowed."""
        if stamp_ns in labels or not labels:
            return labels.pop(stamp_ns, None)
        nearest_ns = min(labels, key=lambda other_ns: abs(other_ns - stamp_ns))
        if abs(nearest_ns - stamp_ns) <= self._pair_ns:
            return labels.pop(nearest_ns)
        if abs(nearest_ns - stamp_ns) <= NEAR_MISS_NS:
            self._near_misses += 1
            self._nearest_miss_ns = min(self._nearest_miss_ns, abs(nearest_ns - stamp_ns))
        return None

    def _promised(self, topic: str) -> int:
        return self.reader.promised.get(topic, self.reader.topics[topic].count)

    def _notice(self, problem: str, count: int) -> None:
        if count > 0:
            self.problems[problem] += count

    def _only_camera(self, labels_topic: str) -> str:
        cameras = []
        for topic in self.reader.topics.values():
            if topic.message_type not in (IMAGE, COMPRESSED, PACKET):
                continue
            reason = (
                'named as the labels' if topic.name == labels_topic else self._no_camera(topic)
            )
            if reason:
                self.left_out[topic.name] = reason
            else:
                cameras.append(topic.name)
        if len(cameras) == 1:
            return cameras[0]
        left = ''.join(f'; left out: {name} ({why})' for name, why in self.left_out.items())
        what = f'several image topics ({", ".join(cameras)}): name one{left}' if cameras else (
            f'no image topic; {self.reader.contents()}{left}'
        )  # fmt: skip
        raise BagError(f"bag '{self.reader.path}' has {what}")

    def _no_camera(self, topic: Topic) -> str:
        """Return why an image topic is no camera, by its name and its first message."""
        parts = topic.name.split('/')
        packed = parts[-1].startswith('compressed') or parts[-1] == 'ffmpeg'
        last = parts[-2] if packed and len(parts) > 1 else parts[-1]
        if last in _NO_CAMERA:
            return f"named '{last}'"
        if parts[-1] == 'compressedDepth':
            return 'compressed depth'
        if topic.message_type != IMAGE or not topic.count:
            return ''
        try:
            first = next(self.reader.messages([topic.name])).decode()
        except (StopIteration, FrameError, BagError):
            return ''
        return f"encoding '{first.encoding}'" if first.encoding in _NO_CAMERA_ENCODINGS else ''

    def _check(self, name: str, accepted: tuple[str, ...]) -> None:
        topic = self.reader.topics.get(name)
        if topic is None:
            raise BagError(
                f"bag '{self.reader.path}' has no topic {name}; {self.reader.contents()}"
            )
        if topic.message_type not in accepted:
            raise BagError(f'{name} is {topic.message_type}; expected {" or ".join(accepted)}')

    def _reading(self, raw: RawMessage, decoder: PacketDecoder) -> Callable[[], np.ndarray]:
        """Return what gives the frame; a packet is decoded at once, as those after it need it."""
        if raw.message_type != PACKET:
            return lambda: self._frame(raw)
        try:
            frame = decoder.frame(raw.decode())
        except FrameError as error:
            return partial(_fail, str(error))
        return lambda: frame

    def _frame(self, raw: RawMessage) -> np.ndarray:
        message = raw.decode()
        if raw.message_type != COMPRESSED:
            if names_no_order(message.encoding):
                self._guesses.add(raw.log_time_ns)
                guess = guessed_order(message.encoding, self._generic_order)
                self.problems[guess] = len(self._guesses)
            return frame_from_image(message, generic_order=self._generic_order)
        frame = frame_from_compressed(message)
        if lost := lost_colour(message.format, message.data):
            self._grey.add(raw.log_time_ns)
            self.problems[lost] = len(self._grey)
        return frame

    def _truth(self, raw: RawMessage) -> np.ndarray:
        labels = labels_from_message(
            raw.decode(), compressed=raw.message_type == COMPRESSED, palette=self.palette
        )
        return labels if self.truth_table is None else self.truth_table[labels]


def _fail(reason: str) -> np.ndarray:
    raise FrameError(reason)


def _with_next(
    pairs: Iterator[tuple[RawMessage, RawMessage | None]],
) -> Iterator[tuple[RawMessage, RawMessage | None, RawMessage | None]]:
    """Yield each pair with the image that follows it; a pair is not lost to an error behind it."""
    held = next(pairs, None)
    damage: BagError | None = None
    while held is not None:
        try:
            following = next(pairs, None)
        except BagError as error:
            following, damage = None, error
        yield (*held, None if following is None else following[0])
        held = following
    if damage is not None:
        raise damage


def camera_of(image_topic: str) -> str:
    """Return a camera's namespace: ``/cam`` of ``/cam/image_raw``, also with a transport."""
    return image_topic.removesuffix('/compressed').removesuffix('/ffmpeg').rpartition('/')[0]


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
