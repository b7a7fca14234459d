# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled networks in the user's cache, each a plan file with a JSON manifest beside it.

A plan is found by what it was made from and made for. Whatever is not as its manifest says, or was
left half-written, is built again; nothing here needs a hand. Several processes may share a cache:
one builds, the others wait for it.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from percast.errors import FileError

log = logging.getLogger(__name__)

FORMAT = 1
_MANIFEST, _PLAN, _VERIFIED, _LOCK, _PART = ".json", ".plan", ".verified.json", ".lock", ".part"


@dataclass(frozen=True)
class Key:
    """What makes one plan differ from another.

    Attributes:
        network: SHA-256 of the ONNX file, hexadecimal.
        runtime, version: the package that compiled it.
        target: the processor that it is for; letters, digits, "-" and "+".
        precision: of its arithmetic.
        recipe: of the code that compiles.
    """

    network: str
    runtime: str
    version: str
    target: str
    precision: str
    recipe: int

    @property
    def stem(self) -> str:
        """Name of the plan's files, without suffix."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{self.runtime}-{self.target}-{self.precision}-{digest[:16]}"


@dataclass(frozen=True)
class Plan:
    """A plan that is what its manifest says.

    Attributes:
        data: for the runtime.
        details: what its builder wanted to remember.
        fresh: built by this very call.
        problem: why it could not be stored; empty if it was.
    """

    data: bytes
    details: Mapping[str, Any]
    fresh: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of a listing.

    Attributes:
        path: of the plan.
        manifest: its content; empty if it cannot be read.
        problem: why the plan cannot be used; empty if it can.
        verified: when its results were found right, and how; None if never.
    """

    path: Path
    manifest: Mapping[str, Any]
    problem: str
    verified: Mapping[str, Any] | None


def default_folder() -> Path:
    """percast/engines in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "percast" / "engines"


class PlanCache:
    """The cache in one folder; the folder is made when something is stored.

    Args:
        folder: `default_folder` if not given.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder or default_folder()

    def find(self, key: Key) -> Plan | None:
        """The plan of a key, if it is there and whole. One that is damaged is warned about."""
        manifest = _read_json(self._path(key, _MANIFEST))
        if manifest is None:
            return None
        path = self._path(key, _PLAN)
        plan, problem = _load(path, manifest)
        if problem:
            log.warning("the cached engine %s is not used: %s", path, problem)
            return None
        return Plan(plan, manifest.get("details", {}))

    def obtain(
        self,
        key: Key,
        build: Callable[[], bytes],
        details: Mapping[str, Any],
        fits: Callable[[Mapping[str, Any]], bool] = lambda details: True,
    ) -> Plan:
        """The plan of a key, from the cache or built now and stored.

        A cache that cannot be written costs no plan: the result then tells its `problem`.

        Args:
            build: gives the plan; called at most once, and by one process at a time.
            details: for its manifest.
            fits: whether a cached plan with these details will do.
        """
        with self._locked(key) as problem:
            found = self.find(key)
            if found is not None and fits(found.details):
                return found
            start = time.monotonic()
            data = build()
            seconds = time.monotonic() - start
            if not problem:
                try:
                    self._store(key, data, details, seconds)
                except FileError as error:
                    problem = str(error)
            return Plan(data, details, fresh=True, problem=problem)

    def mark_verified(self, key: Key, result: Mapping[str, Any]) -> None:
        """Remembers that the plan of a key computes what it should.

        Raises:
            FileError: the cache cannot be written.
        """
        manifest = _read_json(self._path(key, _MANIFEST))
        if manifest is None:
            raise FileError(f"{self._path(key, _MANIFEST)} is not there: build the engine first")
        content = {"sha256": manifest["sha256"], "when": _now(), "result": dict(result)}
        self._write(self._path(key, _VERIFIED), json.dumps(content, indent=2).encode())

    def verified(self, key: Key) -> Mapping[str, Any] | None:
        """The result that `mark_verified` was given, if the plan is still the same one."""
        manifest = _read_json(self._path(key, _MANIFEST))
        return None if manifest is None else _verified(self._path(key, _VERIFIED), manifest)

    def blob(self, key: Key, suffix: str) -> bytes | None:
        """What a runtime stored beside the plan, if anything."""
        try:
            return self._path(key, suffix).read_bytes()
        except OSError:
            return None

    def store_blob(self, key: Key, suffix: str, data: bytes) -> None:
        """Stores something beside the plan for its runtime.

        Raises:
            FileError: the cache cannot be written.
        """
        self._write(self._path(key, suffix), data)

    def entries(self) -> list[Entry]:
        """All plans, whatever made them, by name."""
        listed = []
        for path in sorted(self.folder.glob(f"*{_PLAN}")):
            manifest = _read_json(path.with_suffix(_MANIFEST))
            if manifest is None:
                listed.append(Entry(path, {}, "no readable manifest beside it", None))
                continue
            _, problem = _load(path, manifest)
            verified = _verified(path.with_suffix(_VERIFIED), manifest)
            listed.append(Entry(path, manifest, problem, verified))
        return listed

    def _path(self, key: Key, suffix: str) -> Path:
        return self.folder / f"{key.stem}{suffix}"

    @contextlib.contextmanager
    def _locked(self, key: Key) -> Iterator[str]:
        """Holds the key's lock; gives why it could not be had, or nothing."""
        path = self._path(key, _LOCK)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            yield f"cannot write {self.folder}: {error.strerror}"
            return
        with file:  # closing it, in whatever way the process ends, frees the lock
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("another process is building this engine: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            for left in self.folder.glob(f"{key.stem}.*{_PART}"):  # of one that was killed
                left.unlink(missing_ok=True)
            yield ""

    def _store(self, key: Key, data: bytes, details: Mapping[str, Any], seconds: float) -> None:
        manifest = {
            "format": FORMAT,
            **asdict(key),
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "created": _now(),
            "build_seconds": round(seconds, 2),
            "details": dict(details),
        }
        # The manifest last: until it is there, or while it is of an older plan, nothing is used.
        self._write(self._path(key, _PLAN), data)
        self._write(self._path(key, _MANIFEST), json.dumps(manifest, indent=2).encode())

    def _write(self, path: Path, data: bytes) -> None:
        """Replaces a file wholly or not at all.

        Raises:
            FileError: the folder cannot be written, or the disk is full.
        """
        part = path.with_name(f"{path.name}{_PART}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise FileError(f"cannot write {path}: {error.strerror}") from error


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _load(path: Path, manifest: Mapping[str, Any]) -> tuple[bytes, str]:
    """A plan's bytes, and what is wrong with them."""
    if manifest.get("format") != FORMAT:
        return b"", f"its manifest has format {manifest.get('format')}, this version reads {FORMAT}"
    try:
        data = path.read_bytes()
    except OSError as error:
        return b"", f"it cannot be read ({error.strerror})"
    if hashlib.sha256(data).hexdigest() != manifest.get("sha256"):
        return b"", "it is damaged (another SHA-256 than in its manifest)"
    return data, ""


def _verified(path: Path, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = _read_json(path)
    if content is None or content.get("sha256") != manifest.get("sha256"):
        return None
    return content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
