# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing recordings of complex samples.

Fields of the `percast` namespace, in a capture:

    percast:gap              true: samples are missing right before `core:sample_start`; without it
                             a new capture tells only about where (since 1.2.0)

and in the annotation of a received packet (those of the header only where its CRC was right):

    percast:crc_ok           true or false
    percast:session, image   the sender's run and its counter of pictures
    percast:packet, packets  counter of packets in the picture, and how many it has
    percast:pictures         how many share the packet, `image` the first of them (since 1.1.0)
    percast:snr_db           mean |H|^2 over the noise, dB
    percast:freq_offset_hz   carrier offset, Hz
    percast:callsign         as sent

Specification: https://sigmf.org
"""

import datetime
import hashlib
import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from percast import __version__
from percast.blocks.recordings.reader import ARCHIVE, META, RAW, data_name, known_suffix
from percast.blocks.recordings.sample_types import sample_type
from percast.errors import FileError, UsageError
from percast.file_lock import lock_for_writing
from percast.whole_file import written_whole

log = logging.getLogger(__name__)

DATATYPES = ("cf32_le", "ci8")
_EXTENSION = {"name": "percast", "version": "1.2.0", "optional": True}
_META_SECONDS = 5.0  # between two writings of the metadata while samples come,
_META_SHARE = 50  # or so many times what the last writing took


class RecordingWriter:
    """Writes a recording.

    A recorder that is killed leaves its samples and the metadata of a few seconds before; the
    checksum comes at the end. After an error the file holds what came before it, in whole samples.
    Nobody else writes it at the same time.

    Args:
        path: its suffix says what to write; SigMF samples are cf32_le, or ci8 where asked.
        samp_rate: samples/s.
        freq: Hz, for the metadata.
        datatype: one of `DATATYPES`, for SigMF.
        hardware: for the metadata.
        heard: when the first sample was, seconds since 1970; None where it is in what is written
            first, which was heard just now.

    Attributes:
        length: samples written.

    Raises:
        UsageError: unknown suffix.
        FileError: the file cannot be written, or somebody else writes or reads it.
    """

    def __init__(
        self,
        path: str | Path,
        samp_rate: float,
        freq: float | None = None,
        datatype: str = "cf32_le",
        hardware: str | None = None,
        heard: float | None = None,
    ):
        self.path = Path(path)
        self.data = written_files(self.path)[0]
        suffix = known_suffix(self.path)
        self.datatype = RAW.get(suffix) or sample_type(datatype)
        self._sigmf = suffix == META
        self.length = 0
        self.saturated = 0
        self._digest = hashlib.sha512()
        self._samp_rate, self._hardware = samp_rate, hardware
        self._captures = [_capture(0, freq, heard)]
        self._dated = heard is not None
        # As JSON: encoding hours of them at once would hold samples up.
        self._annotations: list[tuple[int, str]] = []
        self._next_meta = time.monotonic() + _META_SECONDS
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what was given to write() outlives the process.
            self._file = open(self.data, "ab", buffering=0)  # noqa: SIM115 - closed by close()
            self._begin()
        except OSError as error:
            raise _unwritable(self.data, error) from error
        self._write_meta()

    def write(self, samples: np.ndarray) -> None:
        """Append complex64 [n].

        Raises:
            FileError: the disk is full, or gone.
        """
        if not self._dated:
            self._captures[0] |= _capture(0, None, time.time() - len(samples) / self._samp_rate)
            self._dated = True
        parts, saturated = self.datatype.encode(samples)
        data = memoryview(parts).cast("B")
        try:
            done = 0
            while done < len(data):
                done += self._file.write(data[done:])
        except OSError as error:
            self._cut()
            seconds = self.length / self._samp_rate
            raise FileError(
                f"{_unwritable(self.data, error)}; it holds the first {seconds:.3f} s"
            ) from error
        if self._sigmf:  # nobody else says it
            self._digest.update(data)
        self.length += len(samples)
        self.saturated += saturated
        if self._sigmf and time.monotonic() >= self._next_meta:
            before = time.monotonic()
            self._write_meta()
            now = time.monotonic()
            self._next_meta = now + max(_META_SECONDS, _META_SHARE * (now - before))

    def capture(
        self, start: int, freq: float | None, heard: float | None = None, gap: bool = False
    ) -> None:
        """Say that sample `start` is no continuation of the one before: the radio was tuned, or
        samples are missing. Any thread may.

        Args:
            freq: Hz; None where it is as before.
            heard: when the sample was, seconds since 1970; None = now.
            gap: samples are missing exactly there; else it is about there.
        """
        self._captures.append(_capture(start, freq, heard) | ({"percast:gap": True} if gap else {}))

    def annotate(
        self, start: int, length: int, label: str, comment: str | None = None, **fields: object
    ) -> None:
        """Note a stretch of samples, where the file has place for notes; `fields` go into the
        percast namespace. Any thread may."""
        if not self._sigmf:
            return
        note = {"core:sample_start": start, "core:sample_count": length, "core:label": label}
        if comment:
            note["core:comment"] = comment
        note |= {f"percast:{key}": value for key, value in fields.items()}
        self._annotations.append((start, json.dumps(note)))

    def close(self) -> None:
        """Finish the file and its metadata.

        Raises:
            FileError: the disk is full, or gone.
        """
        if self._file.closed:
            return
        try:
            self._write_meta(self._digest.hexdigest())
        finally:
            self._release()
        if self.saturated:
            log.warning(
                "%s: %d values were saturated; lower the level, or record floats",
                self.data,
                self.saturated,
            )

    def _release(self) -> None:
        """Close the file, and with it the lock: the next writer may begin."""
        try:
            self._file.close()
        except OSError as error:
            raise _unwritable(self.data, error) from error

    def _begin(self) -> None:
        """Empty the file, once it is this writer's alone."""
        try:
            busy = "another program writes or reads this recording; choose another name"
            lock_for_writing(self._file.fileno(), self.data, busy)
            if self.data.is_file():  # a pipe has nothing to be emptied
                self._file.truncate(0)
        except BaseException:
            self._file.close()
            raise

    def _cut(self) -> None:
        """Back to the last whole write, which also leaves room for the metadata."""
        try:
            self._file.truncate(self.length * self.datatype.size)
        except OSError as error:
            log.warning("%s: its end is damaged (%s)", self.data, error.strerror)

    def _write_meta(self, checksum: str | None = None) -> None:
        if not self._sigmf:
            return
        info = {
            "core:datatype": self.datatype.name,
            "core:sample_rate": self._samp_rate,
            "core:num_channels": 1,
            "core:version": "1.0.0",
            "core:recorder": f"percast {__version__}",
            "core:extensions": [_EXTENSION],
        }
        if self._hardware:
            info["core:hw"] = self._hardware
        if checksum:
            info["core:sha512"] = checksum
        captures = _merged(self._captures, max(1, self.length))
        starts = ",\n  ".join(map(json.dumps, captures))
        notes = ",\n  ".join(text for _, text in sorted(self._annotations))
        text = (
            f'{{\n"global": {json.dumps(info, indent=1)},\n'
            f'"captures": [\n  {starts}\n ],\n"annotations": [\n  {notes}\n ]\n}}\n'
        )
        try:
            with written_whole(self.path, "w") as file:
                file.write(text)
        except OSError as error:
            raise _unwritable(self.path, error) from error


def written_files(path: str | Path) -> tuple[Path, ...]:
    """The files that a recording of this name is written to, its samples first.

    Raises:
        UsageError: unknown suffix, or one that is only read.
    """
    path = Path(path)
    suffix = known_suffix(path)
    if suffix == ARCHIVE:
        raise UsageError(f"{path}: archives are only read; write {META} and pack it")
    if suffix == META:
        return path.with_name(data_name(path.name)), path
    return (path,)


def check_not_read(path: str | Path, read: Iterable[Path], flag: str) -> None:
    """Refuse to record over what is being read, under whatever name or link.

    Args:
        path: of the recording to be written.
        read: the files that are read.
        flag: that names the recording.

    Raises:
        UsageError: one of them is written, too; or see `written_files`.
    """
    read = [file for file in read if file.exists()]
    for file in written_files(path):
        if file.exists() and any(file.samefile(other) for other in read):
            raise UsageError(f"{flag} {path}: that is what is to be read; choose another name")


def _capture(start: int, freq: float | None, heard: float | None = None) -> dict:
    at = datetime.datetime.fromtimestamp(time.time() if heard is None else heard, datetime.UTC)
    capture = {"core:sample_start": start, "core:datetime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return capture if freq is None else capture | {"core:frequency": freq}


def _merged(captures: Iterable[dict], length: int) -> list[dict]:
    """Captures as they were told to those of so many samples, one for each start: of several what
    was told last. The frequency holds until another is told."""
    merged, freq = {}, None
    for capture in sorted(captures, key=lambda c: c["core:sample_start"]):
        start = capture["core:sample_start"]
        freq = capture.get("core:frequency", freq)
        merged[start] = merged.get(start, {}) | capture
        if freq is not None:
            merged[start]["core:frequency"] = freq
    return [capture for start, capture in merged.items() if start < length]


def _unwritable(path: Path, error: OSError) -> FileError:
    return FileError(f"{path}: cannot be written ({error.strerror})")
