# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The storage files of a bag, each read as far as it goes, whatever metadata.yaml says."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePath
import re
import sqlite3
import tempfile
from typing import Any, Protocol

from rosbags.rosbag1 import Reader as Ros1Reader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
import yaml

from rtseg_ros.errors import BagError
from rtseg_ros.frames.bags.mcap_scan import Stored, mcap_messages
from rtseg_ros.frames.bags.zstd import MAGIC, decompress_file, zstd
from rtseg_ros.labels.yaml_document import plain_yaml

SUFFIXES = ('.mcap', '.db3', '.bag', '.mcap.zstd', '.db3.zstd')
METADATA = 'metadata.yaml'
_INSTEAD = 'the storage files of its folder were read instead, in the order of their names'
# So many rows in turn that cannot be read end a damaged database.
_MAX_BAD_ROWS = 64


class Storage(Protocol):
    """One storage file.

    Attributes:
        path: Of the file, unpacked.
        topics: Message type and number of messages, by name.
        start_ns: Log time of the first message; ``end_ns`` of the last.
        broken: Why it holds less than was recorded; empty if it does not.
    """

    path: Path
    topics: dict[str, tuple[str, int]]
    start_ns: int
    end_ns: int
    broken: str

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        """Read the messages of some topics."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Files:
    """What a bag consists of.

    Attributes:
        paths: Its storage files, in order.
        promised: Messages per topic as metadata.yaml says; empty without one.
        types: Message types as metadata.yaml says.
        missing: Names of files that are not there.
        faults: What else is wrong with metadata.yaml.
    """

    paths: tuple[Path, ...]
    promised: dict[str, int] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def find_files(path: Path) -> Files:
    """Find the storage files of a bag: a folder, its metadata.yaml, or one file.

    Raises:
        BagError: If there are none.
    """
    if not path.exists():
        raise BagError(f"there is no bag '{path}'")
    if path.name == METADATA:
        path = path.parent
    if path.is_dir():
        return _files_of_folder(path)
    if not path.name.endswith(SUFFIXES):
        raise BagError(f"'{path}' is not a bag; accepted: a folder, or {', '.join(SUFFIXES)}")
    if not path.stat().st_size:
        raise BagError(f"bag '{path}' is an empty file: nothing was recorded, or copied")
    return Files((path,))


def open_storage(path: Path, folder: Path) -> Storage:
    """Open one file; a compressed one is unpacked into ``folder``.

    Raises:
        BagError: If nothing can be read from it.
    """
    cut = ''
    if path.suffix == '.zstd':
        unpacked = folder / path.stem
        cut = decompress_file(path, unpacked)
        path = unpacked
    if path.suffix == '.bag':
        return _Ros1(path)
    try:
        return _Indexed(path)
    except Exception as error:  # the parser fails in many ways on a damaged file
        return _Scanned(path, cut or str(error).rstrip('.') or repr(error))


def _files_of_folder(folder: Path) -> Files:
    metadata = folder / METADATA
    if not metadata.exists():
        raise BagError(_advice_without_metadata(folder))
    try:
        facts = plain_yaml(metadata.read_text())['rosbag2_bagfile_information']
        paths = [folder / PurePath(name).name for name in facts['relative_file_paths']]
        topics = {
            item['topic_metadata']['name']: (
                str(item['topic_metadata']['type']), int(item['message_count'])
            )
            for item in facts['topics_with_message_count']
        }  # fmt: skip
    except (yaml.YAMLError, OSError, UnicodeDecodeError, LookupError, TypeError, ValueError) as e:
        fault = f'{METADATA} is damaged ({_why(e)})'
        if others := _storage_files(folder):
            return Files(others, faults=(f'{fault}: {_INSTEAD}',))
        raise BagError(f"bag '{folder}' cannot be opened: {fault}") from e
    there = tuple(path for path in paths if path.exists() and path.stat().st_size)
    missing = tuple(path.name for path in paths if path not in there)
    if not there and (others := _storage_files(folder)):
        named = ', '.join(missing) or 'no file'
        return Files(others, faults=(f'{METADATA} names {named}, which is not there: {_INSTEAD}',))
    if not there:
        raise BagError(
            f"bag '{folder}' cannot be opened: its files are missing or empty: "
            f'{", ".join(missing) or "none is named"}'
        )
    return Files(
        there,
        {name: count for name, (_, count) in topics.items()},
        {name: kind for name, (kind, _) in topics.items()},
        missing,
    )


def _storage_files(folder: Path) -> tuple[Path, ...]:
    """Return the filled storage files of a folder, split 2 before split 10."""
    files = (
        path
        for path in folder.iterdir()
        if path.name.endswith(SUFFIXES) and path.suffix != '.bag' and path.stat().st_size
    )
    return tuple(
        sorted(files, key=lambda path: [part.zfill(20) for part in re.split(r'(\d+)', path.name)])
    )


def _why(error: Exception) -> str:
    """Say in a few words what is wrong with a document."""
    mark = getattr(error, 'problem_mark', None)
    if mark is not None:
        return f'line {mark.line + 1}: {getattr(error, "problem", None) or "no YAML"}'
    return ' '.join(f'{type(error).__name__}: {error}'.split())


def _advice_without_metadata(folder: Path) -> str:
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(SUFFIXES))
    names = ', '.join(files)
    if files and all(name.endswith('.bag') for name in files):
        return f"'{folder}' is a folder of ROS 1 bags; give one of its files: {names}"
    if files:
        return (
            f"'{folder}' has no metadata.yaml (the recording was cut off?); run 'ros2 bag "
            f"reindex', or give one of its files: {names}"
        )
    return f"'{folder}' is not a bag: it has neither metadata.yaml nor .mcap or .db3 files"


class _Indexed:
    """A whole file, as rosbags reads it."""

    broken = ''

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: Any = Ros1Reader(path) if path.suffix == '.bag' else Reader(path)
        self._reader.open()
        counts: Counter[str] = Counter()
        for item in self._reader.connections:
            counts[item.topic] += item.msgcount
        self.topics = {c.topic: (c.msgtype, counts[c.topic]) for c in self._reader.connections}
        self.start_ns = self._reader.start_time
        self.end_ns = self._reader.start_time + self._reader.duration

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        chosen = [item for item in self._reader.connections if item.topic in topics]
        if not chosen:  # rosbags takes none for all
            return
        for connection, log_time_ns, data in self._reader.messages(chosen):
            yield connection.topic, connection.msgtype, log_time_ns, self._bytes(connection, data)

    def _bytes(self, _: Any, data: bytes) -> bytes:
        # CDR starts with 0: what starts with the magic number was compressed by itself.
        return bytes(zstd().decompress(data)) if data[:4] == MAGIC else bytes(data)

    def close(self) -> None:
        self._reader.close()


class _Ros1(_Indexed):
    """A ROS 1 bag, whose messages become CDR."""

    def __init__(self, path: Path) -> None:
        self._types = get_typestore(Stores.ROS1_NOETIC)
        try:
            super().__init__(path)
        except Exception as error:  # as in open_storage
            raise BagError(
                f'{path.name}: {error}. If its recording was cut off, ROS 1 mends it: '
                "'rosbag reindex'"
            ) from error

    def _bytes(self, connection: Any, data: bytes) -> bytes:
        message = self._types.deserialize_ros1(data, connection.msgtype)
        return bytes(cdr_from_ros1(message, connection.msgtype))


def cdr_from_ros1(message: Any, message_type: str) -> bytes:
    """Return a ROS 1 message of sensor_msgs as the CDR bytes of its ROS 2 namesake."""
    types = get_typestore(Stores.ROS2_HUMBLE)

    def turned(value: Any, kind: str) -> Any:
        fields = types.fielddefs.get(kind, ((), ()))[1]
        if not fields:
            return value
        made = {}
        for name, (_, detail) in fields:
            old = getattr(value, name, None)
            if old is None:
                old = getattr(value, name.upper())  # D, K, R and P of CameraInfo
            made[name] = turned(old, detail) if isinstance(detail, str) else old
        return types.types[kind](**made)

    return bytes(types.serialize_cdr(turned(message, message_type), message_type))


class _Scanned:
    """A damaged file, read from its start until it breaks off."""

    def __init__(self, path: Path, reason: str) -> None:
        self._scan: Callable[[Path], Iterator[Stored]] = (
            mcap_messages if path.suffix == '.mcap' else _sqlite_messages
        )
        self.path = path
        counts: Counter[str] = Counter()
        types: dict[str, str] = {}
        times: list[int] = []
        try:
            for topic, kind, log_time_ns, _ in self._scan(path):
                counts[topic] += 1
                types[topic] = kind
                times[1:] = [log_time_ns]
        except (BagError, sqlite3.Error, ValueError, TypeError) as error:
            reason = str(error)
        if not counts:
            raise BagError(f'{path.name}: {reason}')
        self.topics = {topic: (kind, counts[topic]) for topic, kind in types.items()}
        self.start_ns, self.end_ns = times[0], times[-1]
        self.broken = f'{path.name} is read up to message {counts.total()}, then {reason}'

    def messages(self, topics: Collection[str]) -> Iterator[Stored]:
        try:
            for topic, kind, log_time_ns, data in self._scan(self.path):
                if topic in topics:
                    plain = bytes(zstd().decompress(data)) if data[:4] == MAGIC else data
                    yield topic, kind, log_time_ns, plain
        except (BagError, sqlite3.Error, ValueError, TypeError):
            return  # ``broken`` says so

    def close(self) -> None:
        pass


def _sqlite_messages(path: Path) -> Iterator[Stored]:
    """Read a database row by row; rows on damaged pages are passed over.

    Raises:
        sqlite3.Error: After everything that can be read, if a part cannot.
    """
    with closing(sqlite3.connect(f'{path.resolve().as_uri()}?immutable=1', uri=True)) as base:
        # Else SQLite refuses a file that is shorter than its head says; nothing is written here.
        base.execute('PRAGMA writable_schema=ON')
        base.text_factory = lambda text: text.decode('utf-8', 'replace')
        names = {row[0]: row[1:] for row in base.execute('SELECT id, name, type FROM topics')}
        last, bad_rows = 0, 0
        first_error: sqlite3.Error | None = None
        while bad_rows <= _MAX_BAD_ROWS:
            try:
                for row in base.execute(
                    'SELECT id, topic_id, timestamp, data FROM messages WHERE id > ? ORDER BY id',
                    (last,),
                ):
                    number, topic, log_time_ns, data = row
                    if number <= last:  # a damaged page leads back: never round in circles
                        raise sqlite3.DatabaseError('its rows are out of order')
                    last = number
                    if topic in names and isinstance(data, bytes):
                        yield (*names[topic], int(log_time_ns), data)
                break
            except sqlite3.DatabaseError as error:
                first_error = first_error or error
                last, bad_rows = last + 1, bad_rows + 1
        if first_error is not None:
            raise first_error


def unpacking_folder() -> 'tempfile.TemporaryDirectory[str]':
    """Make the folder for what is unpacked; deleted when it is cleaned up."""
    return tempfile.TemporaryDirectory(prefix='rtseg-bag-')
