# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads camera frames and ground truth from an open bag, whole or damaged."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bags.messages import LABEL_INFO, RawMessage
from rtseg_ros.frames.bags.storage import (
    Files,
    Storage,
    find_files,
    open_storage,
    unpacking_folder,
)
from rtseg_ros.frames.stamp import NS_PER_S


@dataclass(frozen=True)
class Topic:
    """A topic of a bag: message type, e.g. ``sensor_msgs/msg/Image``, and number of messages."""

    name: str
    message_type: str
    count: int


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
