"""ROS 2 bags without ROS: read camera frames and ground truth, write bags to evaluate on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import shutil
import struct
import tempfile
from types import TracebackType
from typing import Any, Literal

import cv2
import numpy as np
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bag_options import IMAGE_FORMATS, STORAGES
from rtseg_ros.frames.bag_storage import (
    Files,
    Storage,
    find_files,
    open_storage,
    unpacking_folder,
)
from rtseg_ros.frames.media.packets import DEFINITION, PACKET
from rtseg_ros.frames.stamp import NS_PER_S, sec_and_nanosec
from rtseg_ros.labels import UNLABELLED, LabelSet

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
LABEL_INFO = 'vision_msgs/msg/LabelInfo'

# The messages of interest are the same from Humble to Kilted, so one set of definitions reads
# all bags, also those whose other topics have definitions that cannot be parsed.
_TYPES = get_typestore(Stores.ROS2_HUMBLE)
_TYPES.register(
    {
        **get_types_from_msg('uint16 class_id\nstring class_name', 'vision_msgs/msg/VisionClass'),
        **get_types_from_msg(
            'std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold',
            LABEL_INFO,
        ),
        **get_types_from_msg(DEFINITION, PACKET),
    }
)
# Metadata format of the bags we write: the oldest that rosbags can, for the older ROS versions.
_FORMAT_VERSION: Literal[8] = 8
_FOREVER = QosTime(9223372036, 854775807)


@dataclass(frozen=True)
class Topic:
    """A topic of a bag: message type, e.g. ``sensor_msgs/msg/Image``, and number of messages."""

    name: str
    message_type: str
    count: int


@dataclass(frozen=True)
class RawMessage:
    """A message as it lies in the bag.

    Attributes:
        topic: Its topic.
        message_type: Its type.
        log_time_ns: When it was recorded.
        data: CDR bytes.
    """

    topic: str
    message_type: str
    log_time_ns: int
    data: bytes

    @property
    def stamp(self) -> tuple[int, int]:
        """Seconds and nanoseconds of the header that starts the message, as they stand.

        Raises:
            FrameError: If there are too few bytes for a stamp.
        """
        if len(self.data) < 12:
            raise FrameError(f'a message on {self.topic} has {len(self.data)} bytes: no header')
        return stamp_from_cdr(self.data)

    @property
    def stamp_ns(self) -> int:
        """Stamp of the header that starts the message.

        Raises:
            FrameError: If there are too few bytes for a stamp.
        """
        seconds, nanoseconds = self.stamp
        return seconds * NS_PER_S + nanoseconds

    def decode(self) -> Any:
        """Return the message as an object with the fields of its type.

        Raises:
            FrameError: If the bytes are not such a message.
        """
        try:
            return read_message(self.data, self.message_type)
        except Exception as error:  # the parser fails in many ways on damaged bytes
            raise FrameError(
                f'a message on {self.topic} is not a valid {self.message_type}: {error!r}'
            ) from error


def read_message(data: bytes, message_type: str) -> Any:
    """Return a serialized message as an object with the fields of its type."""
    return _TYPES.deserialize_cdr(data, message_type)


def stamp_ns_from_cdr(data: bytes) -> int:
    """Return the stamp of a serialized message of at least 12 bytes that starts with a header."""
    seconds, nanoseconds = stamp_from_cdr(data)
    return seconds * NS_PER_S + nanoseconds


def stamp_from_cdr(data: bytes) -> tuple[int, int]:
    """Return seconds and nanoseconds of such a message as they stand."""
    order = '<' if data[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', data, 4)
    return int(seconds), int(nanoseconds)


class BagReader:
    """An open bag; a context manager.

    What the storage files hold is what counts; metadata.yaml only says which they are, and what
    they should hold.

    Attributes:
        path: Folder of the bag, or a single file of it.
        topics: By name.
        promised: Messages per topic as metadata.yaml says; empty without one.
        broken: Why it holds less than was recorded, one line for each file; empty if it does not.
        duration_s: From the first to the last message.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a bag.

        Args:
            path: Folder, its metadata.yaml, or one file: .mcap, .db3, both also with .zstd, or
                .bag of ROS 1.

        Raises:
            BagError: If there is no bag, or nothing can be read from it.
        """
        self.path = Path(path)
        files = find_files(self.path)
        self.promised = files.promised
        self.broken = [f'{name} is missing or empty' for name in files.missing]
        self.broken += files.faults
        self._folder = unpacking_folder()
        self._storages: list[Storage] = []
        try:
            self._open(files)
        except BaseException:
            self.close()
            raise
        counts: dict[str, tuple[str, int]] = {name: (t, 0) for name, t in files.types.items()}
        for storage in self._storages:
            for name, (kind, count) in storage.topics.items():
                counts[name] = (kind, counts.get(name, ('', 0))[1] + count)
        self.topics = {name: Topic(name, *value) for name, value in counts.items()}
        filled = [storage for storage in self._storages if storage.topics]
        start_ns = min((storage.start_ns for storage in filled), default=0)
        end_ns = max((storage.end_ns for storage in filled), default=0)
        self.duration_s = max(end_ns - start_ns, 0) / NS_PER_S

    def _open(self, files: Files) -> None:
        reasons = []
        for path in files.paths:
            try:
                storage = open_storage(path, Path(self._folder.name))
            except (BagError, OSError) as error:
                reasons.append(str(error))
                continue
            self._storages.append(storage)
            if storage.broken:
                self.broken.append(storage.broken)
        self.broken += reasons
        if not self._storages:
            raise BagError(f"bag '{self.path}' cannot be opened: {'; '.join(reasons)}")

    def messages(self, topics: Sequence[str]) -> Iterator[RawMessage]:
        """Read messages in the order they were recorded.

        Raises:
            BagError: If a topic is missing; after the last message that can be read, if the bag
                is damaged, or holds nothing of a topic that its index promises.
        """
        missing = [topic for topic in topics if topic not in self.topics]
        if missing:
            raise BagError(f"bag '{self.path}' has no topic {missing[0]}; {self.contents()}")
        read: Counter[str] = Counter()
        broken = list(self.broken)
        for storage in self._storages:
            try:
                for topic, kind, log_time_ns, data in storage.messages(topics):
                    yield RawMessage(topic, kind, log_time_ns, data)
                    read[topic] += 1
            except Exception as error:  # the parser fails in many ways on a damaged file
                broken.append(f'{storage.path.name}: {str(error).rstrip(".") or repr(error)}')
        if broken:
            raise BagError(
                f"bag '{self.path}' is damaged after {read.total()} messages, which were read: "
                f'{"; ".join(broken)}'
            )
        for topic in topics:
            if self.promised.get(topic) and not read[topic]:
                raise BagError(
                    f"the index of bag '{self.path}' promises {self.promised[topic]} messages on "
                    f"{topic}, its files hold none; 'ros2 bag reindex' makes a new index"
                )

    def label_names(self, topic: str) -> dict[int, str]:
        """Return {class id: name} of the first LabelInfo on a topic.

        Raises:
            BagError: If there is none.
        """
        for raw in self.messages([topic]):
            if raw.message_type != LABEL_INFO:
                raise BagError(f'{topic} is {raw.message_type}; expected {LABEL_INFO}')
            return {item.class_id: item.class_name for item in raw.decode().class_map}
        raise BagError(f"bag '{self.path}' has no message on {topic}")

    def contents(self) -> str:
        """Return one line with all topics, for error messages."""
        lines = [f'{t.name} ({t.message_type}, {t.count})' for t in self.topics.values()]
        return f'it holds {", ".join(lines)}' if lines else 'it is empty'

    def close(self) -> None:
        """Close the files."""
        for storage in self._storages:
            storage.close()
        self._storages.clear()
        self._folder.cleanup()

    def __enter__(self) -> 'BagReader':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class BagWriter:
    """Writes camera frames with ground truth; a context manager.

    The bag appears when the block ends without an error, never half written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        camera: str = '/camera',
        frame_id: str = 'camera',
        storage: str = 'mcap',
        image_format: str = 'raw',
        labels: LabelSet | None = None,
    ) -> None:
        """Prepare a bag.

        Args:
            path: Folder to make; must not exist.
            camera: Namespace of the topics ``image_raw`` (or ``image_raw/compressed``),
                ``camera_info``, ``labels_gt`` and ``label_info``.
            frame_id: Of all headers.
            storage: ``mcap`` or ``sqlite3``.
            image_format: ``raw`` (bgr8), ``png`` or ``jpeg`` (quality 95).
            labels: Meaning of the ground-truth ids; None for a bag without ground truth.

        Raises:
            BagError: If the path exists or an option is none of those accepted.
        """
        self.path = Path(path)
        if self.path.exists():
            raise BagError(f"'{path}' exists; bags are not overwritten, choose another name")
        if storage not in STORAGES:
            raise BagError(f"storage is '{storage}'; accepted: {', '.join(STORAGES)}")
        if image_format not in IMAGE_FORMATS:
            raise BagError(f"format is '{image_format}'; accepted: {', '.join(IMAGE_FORMATS)}")
        self._camera = camera.rstrip('/')
        self._frame_id = frame_id
        self._storage = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
        self._format = image_format
        self._labels = labels
        self.count = 0

    def __enter__(self) -> 'BagWriter':
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # The writer names its files after the folder, so the temporary one has the final name.
        self._folder = Path(tempfile.mkdtemp(prefix='.bag-', dir=self.path.parent))
        self._writer = Writer(
            self._folder / self.path.name, version=_FORMAT_VERSION, storage_plugin=self._storage
        )
        self._writer.open()
        image, kind = ('image_raw', IMAGE)
        if self._format != 'raw':
            image, kind = ('image_raw/compressed', COMPRESSED)
        self._image = self._connect(image, kind)
        self._info = self._connect('camera_info', CAMERA_INFO)
        if self._labels:
            self._truth = self._connect('labels_gt', IMAGE)
            self._label_info = self._connect('label_info', LABEL_INFO, latched=True)
        return self

    def write(self, frame: np.ndarray, stamp_ns: int, labels: np.ndarray | None = None) -> None:
        """Append one frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            stamp_ns: Of all its headers, and its time in the bag.
            labels: (H, W) uint8 class ids of the label set; ids beyond it are written as 255.

        Raises:
            BagError: If labels are given without a label set, or their size differs.
        """
        if labels is not None and self._labels is None:
            raise BagError('labels need a label set: give one to BagWriter')
        if labels is not None and labels.shape != frame.shape[:2]:
            raise BagError(f'labels are {labels.shape}, the frame is {frame.shape[:2]}')
        header = self._header(stamp_ns)
        if self.count == 0 and self._labels:
            self._write(self._label_info, self._label_info_message(header), stamp_ns)
        if self._format == 'raw':
            image = _image(frame, 'bgr8', header)
        else:
            options = [cv2.IMWRITE_JPEG_QUALITY, 95] if self._format == 'jpeg' else []
            done, data = cv2.imencode(f'.{self._format}', frame, options)
            assert done
            image = _TYPES.types[COMPRESSED](header=header, format=self._format, data=data.ravel())
        self._write(self._image, image, stamp_ns)
        self._write(self._info, _uncalibrated(header, frame.shape[0], frame.shape[1]), stamp_ns)
        if labels is not None and self._labels:
            known = np.where(labels < self._labels.num_classes, labels, np.uint8(UNLABELLED))
            self._write(self._truth, _image(known, 'mono8', header), stamp_ns)
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._writer.close()
            if kind is None:
                (self._folder / self.path.name).rename(self.path)
        finally:
            shutil.rmtree(self._folder)

    def _connect(self, name: str, kind: str, *, latched: bool = False) -> Any:
        qos = Qos(
            QosHistory.KEEP_LAST,
            1 if latched else 10,
            QosReliability.RELIABLE,
            QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
            _FOREVER,
            _FOREVER,
            QosLiveliness.AUTOMATIC,
            _FOREVER,
            False,
        )
        return self._writer.add_connection(
            f'{self._camera}/{name}', kind, typestore=_TYPES, offered_qos_profiles=[qos]
        )

    def _write(self, connection: Any, message: Any, stamp_ns: int) -> None:
        data = _TYPES.serialize_cdr(message, connection.msgtype)
        self._writer.write(connection, stamp_ns, data)

    def _header(self, stamp_ns: int) -> Any:
        seconds, nanoseconds = sec_and_nanosec(stamp_ns)
        stamp = _TYPES.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
        return _TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id=self._frame_id)

    def _label_info_message(self, header: Any) -> Any:
        assert self._labels
        item = _TYPES.types['vision_msgs/msg/VisionClass']
        classes = [item(class_id=i, class_name=n) for i, n in enumerate(self._labels.names)]
        return _TYPES.types[LABEL_INFO](header=header, class_map=classes, threshold=0.0)


def _image(pixels: np.ndarray, encoding: str, header: Any) -> Any:
    return _TYPES.types[IMAGE](
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.size // pixels.shape[0],
        data=np.ascontiguousarray(pixels).ravel(),
    )


def _uncalibrated(header: Any, height: int, width: int) -> Any:
    """Make a CameraInfo that says only the size: K[0] == 0 means uncalibrated."""
    zeros = np.zeros
    return _TYPES.types[CAMERA_INFO](
        header=header, height=height, width=width, distortion_model='', d=zeros(0), k=zeros(9),
        r=zeros(9), p=zeros(12), binning_x=0, binning_y=0,
        roi=_TYPES.types['sensor_msgs/msg/RegionOfInterest'](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )  # fmt: skip
