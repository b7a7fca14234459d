# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading recordings of complex samples: SigMF, and raw files of floats or bytes.

The suffix, in small letters or capitals, says what a file is: `.sigmf-meta` (with its
`.sigmf-data`, or the file that `core:dataset` names), `.sigmf` (an archive of both), `.cf32`
(little-endian float pairs), `.cs8` (signed byte pairs, full scale 127).
"""

import hashlib
import logging
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from percast.blocks.recordings.sample_types import SampleType, sample_type
from percast.blocks.recordings.sigmf import Metadata, Segment, read_metadata
from percast.errors import FileError, UsageError

log = logging.getLogger(__name__)

T = TypeVar("T")

_CHUNK = 1 << 18  # samples read at once

RAW = {".cf32": sample_type("cf32_le"), ".cs8": sample_type("ci8")}
META, DATA, ARCHIVE = ".sigmf-meta", ".sigmf-data", ".sigmf"
SUFFIXES = (META, ARCHIVE, *RAW)

# What files of these kinds begin with.
_PACKED = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip", b"7z\xbc\xaf\x27\x1c": "7z",
}  # fmt: skip
_PACKED_SUFFIXES = {".gz": "gzip", ".tgz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd",
                    ".zip": "zip", ".7z": "7z"}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """Samples on disk.

    Args:
        path: of the samples.
        datatype: how one of them lies there.
        length: samples.
        segments: where they lie, ascending.
        channels: interleaved ones, of which the first is read.
        samp_rate: samples/s, None where the file does not say.
        freq: Hz, likewise.
        gaps: numbers of the samples before which some are missing, ascending.
        meta: where that is a file of its own.
    """

    path: Path
    datatype: SampleType
    length: int
    segments: tuple[Segment, ...] = (Segment(0, 0),)
    channels: int = 1
    samp_rate: float | None = None
    freq: float | None = None
    gaps: tuple[int, ...] = ()
    meta: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it lies in."""
        return (self.path,) if self.meta is None else (self.path, self.meta)

    def read(self, start: int, count: int) -> np.ndarray:
        """Up to `count` samples from `start`, complex64; fewer only at the end.

        Raises:
            FileError: the file has gone or cannot be read any more.
        """
        end = max(start, min(start + count, self.length))
        stops = [*(s.first for s in self.segments[1:]), self.length]
        pieces = [np.zeros(0, np.complex64)]
        for segment, stop in zip(self.segments, stops, strict=True):
            lo, hi = max(start, segment.first), min(end, stop)
            if lo < hi:
                pieces.append(self._read_within(segment, lo, hi - lo))
        return np.concatenate(pieces)

    def pieces(self) -> Iterator[tuple[np.ndarray, bool]]:
        """All of it, complex64 [n] after complex64 [n], each with whether samples are missing
        before it.

        Raises:
            FileError: see `read`.
        """
        start = 0
        for gap in (*self.gaps, self.length):
            after_gap = start > 0
            while start < gap and len(samples := self.read(start, min(_CHUNK, gap - start))):
                yield samples, after_gap
                start, after_gap = start + len(samples), False

    def _read_within(self, segment: Segment, start: int, count: int) -> np.ndarray:
        kind, frame = self.datatype.part, self.datatype.size * self.channels
        at = segment.at + (start - segment.first) * frame
        try:
            parts = np.fromfile(self.path, kind, 2 * self.channels * count, offset=at)
        except OSError as error:
            raise FileError(f"{self.path}: cannot be read ({error.strerror})") from error
        whole = len(parts) // (2 * self.channels)
        parts = parts[: whole * 2 * self.channels].reshape(whole, self.channels, 2)[:, 0]
        return self.datatype.decode(np.ascontiguousarray(parts).ravel())


@dataclass(frozen=True)
class _Extent:
    """A stretch of a file."""

    path: Path
    start: int
    size: int

    def read(self) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return file.read(self.size)

    def sha512(self) -> str:
        digest, left = hashlib.sha512(), self.size
        with open(self.path, "rb") as file:
            file.seek(self.start)
            while left and (part := file.read(min(left, 1 << 20))):
                digest.update(part)
                left -= len(part)
        return digest.hexdigest()


def open_recording(path: str | Path) -> Recording:
    """A recording of any known suffix.

    A file cut off in mid-sample loses that sample; a checksum that does not fit is warned about
    and the samples are read all the same. Of several interleaved channels the first is read.

    Raises:
        UsageError: unknown suffix.
        FileError: missing, empty, real samples, or metadata that make no sense.
    """
    path = Path(path)
    suffix = known_suffix(path)
    if not path.is_file():
        raise FileError(f"{path}: no such recording")
    try:
        if suffix in RAW:
            size = path.stat().st_size
            _check_whole(path, size, RAW[suffix].size)
            return _checked(Recording(path, RAW[suffix], size // RAW[suffix].size))
        if suffix == ARCHIVE:
            return _open_archive(path)
        return _open_pair(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error


def known_suffix(path: Path) -> str:
    """The one of `SUFFIXES` that a path ends in.

    Raises:
        UsageError: none of them.
    """
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    if kind := _PACKED_SUFFIXES.get(path.suffix.lower()):
        raise UsageError(f"{path}: is packed with {kind}; unpack it first")
    raise UsageError(f"{path}: a recording ends in {', '.join(SUFFIXES)}")


def data_name(meta: str) -> str:
    """The usual name of the file of samples for a name that ends in `META`."""
    return meta[: -len("meta")] + ("DATA" if meta.endswith("META") else "data")


def _checked(recording: Recording) -> Recording:
    if not recording.length:
        raise FileError(f"{recording.path}: holds no samples")
    return recording


def _check_whole(path: Path, size: int, frame: int) -> None:
    if size % frame and size > frame:
        log.warning("%s: cut off in mid-sample; its last %d bytes are left out", path, size % frame)


def _open_pair(path: Path) -> Recording:
    meta = _parse(path, path.read_bytes())
    there = {file.name: file for file in path.parent.iterdir() if file.is_file()}
    data = _samples(path, path.name, meta, there)
    return replace(_open_sigmf(meta, _Extent(data, 0, data.stat().st_size)), meta=path)


def _samples(path: Path, name: str, meta: Metadata, there: Mapping[str, T]) -> T:
    """The samples among files of one folder: those that `core:dataset` names, or else those of the
    usual name, for both files may have been renamed; in whatever letters, if need be."""
    usual = data_name(name)
    for wanted in filter(None, (meta.dataset, usual)):
        found = there.get(wanted)
        if found is None:
            alike = [other for other in there if other.lower() == wanted.lower() and other != name]
            found = there[alike[0]] if len(alike) == 1 else None
        if found is not None:
            if meta.dataset and wanted == usual != meta.dataset:
                log.warning("%s: names %s, which is not there; %s is", path, meta.dataset, usual)
            return found
    raise FileError(f"{path}: its samples {meta.dataset or usual} are missing")


def _open_archive(path: Path) -> Recording:
    """The only recording of an uncompressed tar file, read where it lies."""
    members: dict[PurePosixPath, _Extent] = {}
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for m in archive:
                name = PurePosixPath(m.name)
                # macOS puts a file ._NAME beside each NAME.
                if not m.isreg() or name.name.startswith("._"):
                    continue
                if 0 <= m.offset_data <= size and m.size >= 0:
                    extent = _Extent(path, m.offset_data, min(m.size, size - m.offset_data))
                    members[name] = extent
    except (tarfile.TarError, ValueError, OverflowError) as error:
        # What comes before the damage is still there.
        if not members:
            with open(path, "rb") as file:
                _check_unpacked(path, file.read(8))
            raise FileError(f"{path}: not a SigMF archive ({error})") from error
    names = [name for name in members if name.name.lower().endswith(META)]
    if len(names) != 1:
        raise FileError(f"{path}: holds {len(names)} recordings; unpack it and name one")
    name = names[0]
    meta = _parse(path, members[name].read())
    there = {other.name: e for other, e in members.items() if other.parent == name.parent}
    return _open_sigmf(meta, _samples(path, name.name, meta, there))


def _check_unpacked(path: Path, begins: bytes) -> None:
    for magic, kind in _PACKED.items():
        if begins.startswith(magic):
            raise FileError(f"{path}: is packed with {kind}; unpack it first")


def _parse(path: Path, text: bytes) -> Metadata:
    _check_unpacked(path, text)
    try:
        return read_metadata(text)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error


def _open_sigmf(meta: Metadata, data: _Extent) -> Recording:
    segments, length = meta.layout(data.size)
    last = segments[-1]
    _check_whole(data.path, max(0, data.size - meta.trailer - last.at), meta.frame)
    if meta.channels > 1:
        log.warning("%s: %d channels; the first one is read", data.path, meta.channels)
    if meta.sha512 and data.sha512() != meta.sha512:
        log.warning("%s: the samples do not fit the checksum; read all the same", data.path)
    return _checked(
        Recording(
            path=data.path,
            datatype=meta.datatype,
            length=length,
            segments=tuple(Segment(s.first, s.at + data.start) for s in segments),
            channels=meta.channels,
            samp_rate=meta.samp_rate,
            freq=meta.freq,
            gaps=tuple(gap for gap in meta.gaps if gap < length),
        )
    )
