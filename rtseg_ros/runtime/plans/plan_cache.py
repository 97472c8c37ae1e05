# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Plans are a cache of model files: every field of the key compared, a hash checked, no trust.

Beside ``<model>-<hash of key>.plan`` lies ``.json``, the manifest: the key in clear, what the
plan turned out to be, and the plan's own SHA-256. A plan reaches TensorRT only if all agree. What
the key holds is decided in runtime/tensorrt/plan.py and runtime/openvino/compile.py.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
import fcntl
import hashlib
import json
import logging
from pathlib import Path
import re
from typing import Any

from rtseg_ros.errors import EngineError
from rtseg_ros.installation import cache_folder
from rtseg_ros.output_files import replace_files

MANIFEST_FORMAT = 1
_LOG = logging.getLogger('rtseg_ros.tensorrt')


@dataclass(frozen=True)
class Manifest:
    """What is known of a plan.

    Attributes:
        key: Everything that the plan depends on; plain JSON values.
        facts: What it turned out to be, e.g. precision as built and seconds to build.
        plan_sha256: Of the plan file.
        plan_bytes: Size of the plan file.
    """

    key: Mapping[str, Any]
    facts: Mapping[str, Any]
    plan_sha256: str
    plan_bytes: int


@dataclass(frozen=True)
class Plan:
    """A serialized engine and its manifest."""

    content: bytes
    manifest: Manifest


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name each field in which two keys differ, with both values."""
    return [
        f'{name}: {old.get(name, "absent")} -> {new.get(name, "absent")}'
        for name in dict.fromkeys([*new, *old])
        if old.get(name) != new.get(name)
    ]


class PlanCache:
    """The plans of one folder. Any number of processes may use it at once."""

    def __init__(self, folder: Path | None = None) -> None:
        """Open, and if need be create, the folder.

        Args:
            folder: Where; ``cache_folder()`` if None.

        Raises:
            EngineError: If it cannot be created.
        """
        self.folder = cache_folder() if folder is None else folder
        with self._explained('created'):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def find(self, model: str, key: Mapping[str, Any]) -> Plan | None:
        """Return the plan with exactly this key, or None; a damaged one is logged and is None.

        Args:
            model: Name of the model, for the file name.
            key: What the plan must have been built for.
        """
        path = self._path(model, key)
        manifest = _read_manifest(path.with_suffix('.json'))
        if manifest is None:
            return None
        if differences(manifest.key, key):
            return _rejected(path, 'its manifest is for another key')
        try:
            content = path.read_bytes()
        except OSError as error:
            return _rejected(path, f'it cannot be read ({error.strerror})')
        if len(content) != manifest.plan_bytes:
            return _rejected(
                path, f'it has {len(content)} bytes, its manifest says {manifest.plan_bytes}'
            )
        if hashlib.sha256(content).hexdigest() != manifest.plan_sha256:
            return _rejected(path, 'its SHA-256 is not the one in its manifest')
        return Plan(content, manifest)

    def why_missing(self, model: str, key: Mapping[str, Any]) -> str:
        """Say which fields of the key differ from the most similar plan of this model."""
        found = (differences(manifest.key, key) for manifest in self.manifests(model))
        others = sorted(filter(None, found), key=len)
        if not others:
            return 'there is none yet'
        return 'the most similar one differs in ' + '; '.join(others[0])

    def estimate_s(self, model: str) -> float | None:
        """Return how long this model took to build last time, None if never built."""
        found = [
            manifest
            for manifest in self.manifests(model)
            if isinstance(manifest.facts.get('build_seconds'), int | float)
        ]
        newest = max(found, key=lambda m: str(m.facts.get('built_at', '')), default=None)
        return None if newest is None else float(newest.facts['build_seconds'])

    def manifests(self, model: str = '') -> list[Manifest]:
        """Return the readable manifests of a model, or of all models if empty."""
        pattern = f'{_slug(model)}-{"[0-9a-f]" * 16}.json' if model else '*.json'
        found = (_read_manifest(path) for path in sorted(self.folder.glob(pattern)))
        return [manifest for manifest in found if manifest is not None]

    def store(
        self, model: str, key: Mapping[str, Any], content: bytes, facts: Mapping[str, Any]
    ) -> Plan:
        """Keep a plan; a reader sees the old one or the new one, never half of one.

        Raises:
            EngineError: If the folder cannot be written or is full.
        """
        path = self._path(model, key)
        manifest = Manifest(
            dict(key), dict(facts), hashlib.sha256(content).hexdigest(), len(content)
        )
        document = json.dumps({'format': MANIFEST_FORMAT, **asdict(manifest)}, indent=2)
        with self._explained('written'):
            # The manifest last: it vouches for the plan.
            _replace(path, content)
            _replace(path.with_suffix('.json'), document.encode())
        return Plan(content, manifest)

    @contextmanager
    def lock(self, model: str, key: Mapping[str, Any]) -> Iterator[None]:
        """Hold the right to build this plan; waits while another process has it.

        The lock ends with its process, however that ends.
        """
        with self._locked(self._path(model, key)):
            yield

    def note(self, model: str, key: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``write_note`` kept for this key; empty if nothing readable."""
        try:
            data = json.loads(self._path(model, key).with_suffix('.note').read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def write_note(self, model: str, key: Mapping[str, Any], note: Mapping[str, Any]) -> None:
        """Keep a measurement that belongs to a key; the caller holds its lock.

        Raises:
            EngineError: If the folder cannot be written or is full.
        """
        with self._explained('written'):
            path = self._path(model, key).with_suffix('.note')
            _replace(path, json.dumps(dict(note), indent=2).encode())

    def timing_cache(self, name: str) -> bytes:
        """Return the kernel timings of earlier builds on a device; empty if there are none."""
        try:
            return self._timing_path(name).read_bytes()
        except OSError:
            return b''

    def update_timing_cache(self, name: str, merged: Callable[[bytes], bytes]) -> None:
        """Replace the kernel timings of a device.

        Args:
            name: Of the device and the library.
            merged: From the timings there are now to those that shall be.

        Raises:
            EngineError: If the folder cannot be written or is full.
        """
        path = self._timing_path(name)
        with self._locked(path):
            content = merged(self.timing_cache(name))
            with self._explained('written'):
                _replace(path, content)

    def _timing_path(self, name: str) -> Path:
        return self.folder / f'{_slug(name)}.timing'

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        with ExitStack() as stack:
            with self._explained('locked'):
                file = stack.enter_context(path.with_suffix('.lock').open('a'))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    _LOG.warning('another process is building %s; waiting for it', path.stem)
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _path(self, model: str, key: Mapping[str, Any]) -> Path:
        text = json.dumps(key, sort_keys=True).encode()
        return self.folder / f'{_slug(model)}-{hashlib.sha256(text).hexdigest()[:16]}.plan'

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineError(
                f"the folder of built engines '{self.folder}' cannot be {verb}: "
                f'{error.strerror or error}; free space, mend its permissions, or choose another '
                'with XDG_CACHE_HOME or the option cache_folder'
            ) from error


def _rejected(path: Path, reason: str) -> Plan | None:
    _LOG.warning('plan %s is not used: %s', path, reason)
    return None


def _read_manifest(path: Path) -> Manifest | None:
    try:
        data = json.loads(path.read_bytes())
        if data['format'] != MANIFEST_FORMAT:
            return None
        return Manifest(
            dict(data['key']),
            dict(data['facts']),
            str(data['plan_sha256']),
            int(data['plan_bytes']),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        _LOG.warning('manifest %s is not used: %r', path, error)
        return None


def _slug(name: str) -> str:
    return re.sub(r'[^A-Za-z0-9._-]+', '_', name) or 'model'


def _replace(path: Path, content: bytes) -> None:
    # Only the holder of the lock writes, so what a killed process left can go.
    for leftover in path.parent.glob(f'.{path.name}.*.tmp'):
        leftover.unlink(missing_ok=True)
    replace_files({path: content})
