# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled networks in the user's cache, each a plan file with a JSON manifest beside it.

A plan is found by what it was made from and made for. Whatever is not as its manifest says, or was
left half-written, is built again; nothing here needs a hand. Several processes may share a cache:
one builds, the others wait for it.
"""

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from percast.engines.runtimes.shared_files import locked, read_json, write
from percast.errors import FileError
from percast.home import user_cache
from percast.whole_file import PART

log = logging.getLogger(__name__)

FORMAT = 1
_MANIFEST, _PLAN, _VERIFIED, _LOCK = ".json", ".plan", ".verified.json", ".lock"


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
        verified: the result that `PlanCache.mark_verified` was given; None if never.
        fresh: built by this very call.
        problem: why it could not be stored; empty if it was.
    """

    data: bytes
    details: Mapping[str, Any]
    verified: Mapping[str, Any] | None = None
    fresh: bool = False
    problem: str = ""

    @property
    def sha256(self) -> str:
        """Of the data, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One line of a listing.

    Attributes:
        path: of the plan.
        manifest: its content; empty if it cannot be read, or is not what this version writes.
        problem: why the plan cannot be used; empty if it can.
        verified: when its results were found right, and how; None if never.
    """

    path: Path
    manifest: Mapping[str, Any]
    problem: str
    verified: Mapping[str, Any] | None


def default_folder() -> Path:
    """percast/engines in the user's cache."""
    return user_cache() / "engines"


class PlanCache:
    """The cache in one folder; the folder is made when something is stored.

    Args:
        folder: `default_folder` if not given.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder or default_folder()

    def find(self, key: Key) -> Plan | None:
        """The plan of a key, if it is there and whole. One that is damaged is warned about."""
        path = self._path(key, _PLAN)
        if not (path.exists() or path.with_suffix(_MANIFEST).exists()):
            return None
        entry, data = _read(path)
        if entry.problem:
            log.warning("the cached engine %s is not used: %s", path, entry.problem)
            return None
        return Plan(data, entry.manifest["details"], entry.verified and entry.verified["result"])

    def obtain(
        self,
        key: Key,
        build: Callable[[], bytes],
        details: Mapping[str, Any],
        fits: Callable[[Plan], bool] = lambda plan: True,
    ) -> Plan:
        """The plan of a key, from the cache or built now and stored.

        A cache that cannot be written costs no plan: the result then tells its `problem`.

        Args:
            build: gives the plan; called at most once, and by one process at a time.
            details: for its manifest.
            fits: whether a cached plan will do.
        """
        with self._locked(key) as problem:
            found = self.find(key)
            if found is not None and fits(found):
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

    def mark_verified(self, key: Key, sha256: str, result: Mapping[str, Any]) -> None:
        """Remembers that the plan of a key computes what it should.

        Args:
            sha256: of the plan that was found right.

        Raises:
            FileError: the cache cannot be written, or has no such plan, or another by now.
        """
        if read_json(self._path(key, _MANIFEST)).get("sha256") != sha256:
            path = self._path(key, _PLAN)
            raise FileError(f"the engine that was verified is not in {path}: verify again")
        content = {"sha256": sha256, "when": _now(), "result": dict(result)}
        self.store_blob(key, _VERIFIED, json.dumps(content, indent=2).encode())

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
        with self._locked(key) as problem:
            if problem:
                raise FileError(problem)
            write(self._path(key, suffix), data)

    def entries(self) -> list[Entry]:
        """All plans, whatever made them, by name."""
        return [_read(path)[0] for path in sorted(self.folder.glob(f"*{_PLAN}"))]

    def _path(self, key: Key, suffix: str) -> Path:
        return self.folder / f"{key.stem}{suffix}"

    @contextlib.contextmanager
    def _locked(self, key: Key) -> Iterator[str]:
        """Holds the key's lock; gives why it could not be had, or nothing."""
        waiting = "another process is building this engine: waiting for it"
        with locked(self._path(key, _LOCK), waiting) as problem:
            if not problem:
                for left in self.folder.glob(f"*{key.stem}.*{PART}"):  # of one that was killed
                    left.unlink(missing_ok=True)
            yield problem

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
        write(self._path(key, _PLAN), data)
        write(self._path(key, _MANIFEST), json.dumps(manifest, indent=2).encode())


def _read(path: Path) -> tuple[Entry, bytes]:
    """A plan with what lies beside it, and its bytes."""
    manifest, data = read_json(path.with_suffix(_MANIFEST)), b""
    problem = _complaint(manifest)
    if problem:
        return Entry(path, {}, problem, None), data
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
    else:
        if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
            problem = "it is damaged (another SHA-256 than in its manifest)"
    verified = read_json(path.with_suffix(_VERIFIED))
    right = _has(verified, when=str, result=dict) and verified.get("sha256") == manifest["sha256"]
    return Entry(path, manifest, problem, verified if right else None), data


def _complaint(manifest: Mapping[str, Any]) -> str:
    """What is wrong with a manifest."""
    if not manifest:
        return "no readable manifest beside it"
    if manifest.get("format") != FORMAT:
        return f"its manifest has format {manifest.get('format')}, this version reads {FORMAT}"
    of_key = {field.name: field.type for field in fields(Key)}
    sound = _has(manifest, **of_key, sha256=str, created=str, details=dict)
    return "" if sound else "its manifest is damaged"


def _has(content: Mapping[str, Any], **kinds: type) -> bool:
    return all(isinstance(content.get(name), kind) for name, kind in kinds.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
