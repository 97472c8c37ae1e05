# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Writes bags to evaluate on: camera frames with ground truth, whole or not at all."""

from pathlib import Path
import shutil
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

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bag_options import IMAGE_FORMATS, STORAGES
from rtseg_ros.frames.bags.messages import CAMERA_INFO, COMPRESSED, IMAGE, LABEL_INFO, TYPES
from rtseg_ros.frames.stamp import sec_and_nanosec
from rtseg_ros.labels import UNLABELLED, LabelSet

# Metadata format of the bags we write: the oldest that rosbags can, for the older ROS versions.
_FORMAT_VERSION: Literal[8] = 8
_FOREVER = QosTime(9223372036, 854775807)


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
            image = TYPES.types[COMPRESSED](header=header, format=self._format, data=data.ravel())
        self._write(self._image, image, stamp_ns)
        self._write(self._info, uncalibrated(header, frame.shape[0], frame.shape[1]), stamp_ns)
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
            f'{self._camera}/{name}', kind, typestore=TYPES, offered_qos_profiles=[qos]
        )

    def _write(self, connection: Any, message: Any, stamp_ns: int) -> None:
        data = TYPES.serialize_cdr(message, connection.msgtype)
        self._writer.write(connection, stamp_ns, data)

    def _header(self, stamp_ns: int) -> Any:
        seconds, nanoseconds = sec_and_nanosec(stamp_ns)
        stamp = TYPES.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
        return TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id=self._frame_id)

    def _label_info_message(self, header: Any) -> Any:
        assert self._labels
        item = TYPES.types['vision_msgs/msg/VisionClass']
        classes = [item(class_id=i, class_name=n) for i, n in enumerate(self._labels.names)]
        return TYPES.types[LABEL_INFO](header=header, class_map=classes, threshold=0.0)


def _image(pixels: np.ndarray, encoding: str, header: Any) -> Any:
    return TYPES.types[IMAGE](
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.size // pixels.shape[0],
        data=np.ascontiguousarray(pixels).ravel(),
    )


def uncalibrated(header: Any, height: int, width: int) -> Any:
    """Make a CameraInfo that says only the size: K[0] == 0 means uncalibrated."""
    zeros = np.zeros
    return TYPES.types[CAMERA_INFO](
        header=header, height=height, width=width, distortion_model='', d=zeros(0), k=zeros(9),
        r=zeros(9), p=zeros(12), binning_x=0, binning_y=0,
        roi=TYPES.types['sensor_msgs/msg/RegionOfInterest'](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )  # fmt: skip
