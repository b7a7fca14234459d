# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of complex samples: SigMF, and raw files of floats or bytes.

The suffix says what a file is: `.sigmf-meta` (with its `.sigmf-data`; cf32_le or ci8), `.cf32`
(little-endian float pairs), `.cs8` (signed byte pairs, full scale 127).
Specification: https://sigmf.org
"""

import datetime
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from percast import __version__
from percast.errors import FileError, UsageError

log = logging.getLogger(__name__)

SUFFIXES = {".sigmf-meta": None, ".cf32": "cf32_le", ".cs8": "ci8"}
_TYPES = {"cf32_le": np.dtype("<f4"), "ci8": np.dtype("i1")}
_BYTE_SCALE = 127.0
_EXTENSION = {"name": "percast", "version": "1.0.0", "optional": True}


@dataclass(frozen=True)
class Recording:
    """Samples on disk.

    Args:
        path: of the samples.
        datatype: cf32_le or ci8.
        length: samples.
        samp_rate: samples/s, None where the file does not say.
        freq: Hz, likewise.
    """

    path: Path
    datatype: str
    length: int
    samp_rate: float | None = None
    freq: float | None = None

    def read(self, start: int, count: int) -> np.ndarray:
        """Up to `count` samples from `start`, complex64.

        Raises:
            FileError: the file has gone or cannot be read any more.
        """
        kind = _TYPES[self.datatype]
        count = max(0, min(count, self.length - start))
        try:
            parts = np.fromfile(self.path, kind, 2 * count, offset=2 * start * kind.itemsize)
        except OSError as error:
            raise FileError(f"{self.path}: cannot be read ({error.strerror})") from error
        parts = parts[: len(parts) // 2 * 2].astype(np.float32)
        if self.datatype == "ci8":
            parts /= np.float32(_BYTE_SCALE)
        return parts.view(np.complex64)


def open_recording(path: str | Path) -> Recording:
    """A recording of any known suffix.

    A file cut off in mid-sample loses that sample; a checksum that does not fit, or fewer samples
    than the metadata promise, is warned about and read all the same.

    Raises:
        UsageError: unknown suffix.
        FileError: missing, empty, or metadata that make no sense.
    """
    path = Path(path)
    suffix = _known_suffix(path)
    if not path.is_file():
        raise FileError(f"{path}: no such recording")
    if suffix != ".sigmf-meta":
        return _measured(path, SUFFIXES[suffix])
    return _open_sigmf(path)


def _known_suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return suffix
    raise UsageError(f"{path}: a recording ends in {', '.join(SUFFIXES)}")


def _measured(path: Path, datatype: str, **fields: float | None) -> Recording:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    sample = 2 * _TYPES[datatype].itemsize
    if size < sample:
        raise FileError(f"{path}: holds no samples")
    if size % sample:
        log.warning("%s: cut off in mid-sample; its last %d bytes are left out", path, size % sample)
    return Recording(path, datatype, size // sample, **fields)


def _open_sigmf(path: Path) -> Recording:
    data = path.with_name(path.name.removesuffix("-meta") + "-data")
    try:
        meta = json.loads(path.read_text())
        info = meta["global"]
        datatype, rate = info["core:datatype"], info.get("core:sample_rate")
        captures = meta.get("captures") or [{}]
        freq = captures[0].get("core:frequency")
        checksum = info.get("core:sha512")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FileError(f"{path}: not SigMF metadata ({type(error).__name__}: {error})") from error
    if datatype not in _TYPES:
        raise FileError(f"{path}: samples of type {datatype}; percast reads {', '.join(_TYPES)}")
    if not data.is_file():
        raise FileError(f"{path}: its samples {data.name} are missing")
    recording = _measured(data, datatype, samp_rate=_number(rate), freq=_number(freq))
    if checksum and _sha512(data) != checksum:
        log.warning("%s: the samples do not fit the checksum; reading them all the same", data)
    return recording


def _number(value: object) -> float | None:
    sane = isinstance(value, int | float) and np.isfinite(value) and value > 0
    return float(value) if sane else None


def _sha512(path: Path) -> str:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


class RecordingWriter:
    """Writes a recording; SigMF metadata are there from the start and complete at the end.

    Args:
        path: its suffix says what to write; SigMF samples are cf32_le, or ci8 where asked.
        samp_rate: samples/s.
        freq: Hz, for the metadata.
        datatype: for SigMF.

    Raises:
        UsageError: unknown suffix.
        FileError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        samp_rate: float,
        freq: float | None = None,
        datatype: str = "cf32_le",
    ):
        self.path = Path(path)
        suffix = _known_suffix(self.path)
        self.datatype = SUFFIXES[suffix] or datatype
        self._sigmf = suffix == ".sigmf-meta"
        name = self.path.name.removesuffix("-meta") + "-data" if self._sigmf else self.path.name
        self.data = self.path.with_name(name)
        self.length = 0
        self.saturated = 0
        self._started = datetime.datetime.now(datetime.UTC)
        self._samp_rate, self._freq = samp_rate, freq
        self._annotations: list[dict] = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.data, "wb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise FileError(f"{self.data}: cannot be written ({error.strerror})") from error
        self._write_meta()

    def write(self, samples: np.ndarray) -> None:
        """Append complex64 [n].

        Raises:
            FileError: the disk is full, or gone.
        """
        parts = np.ascontiguousarray(samples, np.complex64).view(np.float32)
        if self.datatype == "ci8":
            scaled = np.rint(parts * np.float32(_BYTE_SCALE))
            self.saturated += int((np.abs(scaled) > _BYTE_SCALE).sum())
            parts = np.clip(scaled, -_BYTE_SCALE, _BYTE_SCALE)
        try:
            self._file.write(parts.astype(_TYPES[self.datatype]).tobytes())
        except OSError as error:
            raise FileError(f"{self.data}: cannot be written ({error.strerror})") from error
        self.length += len(samples)

    def annotate(self, start: int, length: int, label: str, **fields: object) -> None:
        """Note a stretch of samples; `fields` go into the percast namespace."""
        note = {"core:sample_start": start, "core:sample_count": length, "core:label": label}
        self._annotations.append(note | {f"percast:{key}": value for key, value in fields.items()})

    def close(self) -> None:
        """Finish the file and its metadata.

        Raises:
            FileError: the disk is full, or gone.
        """
        if self._file.closed:
            return
        try:
            self._file.close()
        except OSError as error:
            raise FileError(f"{self.data}: cannot be written ({error.strerror})") from error
        if self.saturated:
            log.warning("%s: %d values were saturated; lower --tx-level", self.data, self.saturated)
        self._write_meta(_sha512(self.data) if self._sigmf else None)

    def _write_meta(self, checksum: str | None = None) -> None:
        if not self._sigmf:
            return
        info = {
            "core:datatype": self.datatype,
            "core:sample_rate": self._samp_rate,
            "core:version": "1.0.0",
            "core:recorder": f"percast {__version__}",
            "core:extensions": [_EXTENSION],
        }
        if checksum:
            info["core:sha512"] = checksum
        capture = {
            "core:sample_start": 0,
            "core:datetime": self._started.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        if self._freq is not None:
            capture["core:frequency"] = self._freq
        notes = sorted(self._annotations, key=lambda note: note["core:sample_start"])
        meta = {"global": info, "captures": [capture], "annotations": notes}
        partial = self.path.with_name(f".{self.path.name}.part")
        try:
            partial.write_text(json.dumps(meta, indent=2) + "\n")
            os.replace(partial, self.path)
        except OSError as error:
            raise FileError(f"{self.path}: cannot be written ({error.strerror})") from error
