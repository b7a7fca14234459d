# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings that are begun and ended while a receiver runs, and the last seconds of the past.

Their names are made here, of the time: whoever asks from afar can name no file.
"""

import datetime
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from percast.blocks.recordings.reader import META
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.ring import SampleRing
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.waveform.profile import Profile
from percast.errors import FileError, UsageError

log = logging.getLogger(__name__)

SPARE = 1 << 30  # bytes of the disk that stay free


@dataclass(frozen=True)
class Heard:
    """What is heard.

    Args:
        profile: the waveform, with the sample rate of what is heard.
        freq: gives Hz, or None, of now.
        hardware: in words.
        datatype: to write.
    """

    profile: Profile
    freq: Callable[[], float | None] = lambda: None
    hardware: str | None = None
    datatype: str = "cf32_le"


class OnDemand:
    """One recording at a time, and the past from a ring. Any thread may ask.

    Args:
        heard: what is recorded.
        folder: for recordings; made when it is needed.
        use: gives the receiver another recorder, or None; when it returns, the one before is not
            used any more.
        recorder: one that runs already.
        ring: with the last seconds; None where they are not kept.
    """

    def __init__(
        self,
        heard: Heard,
        folder: str | Path,
        use: Callable[[Recorder | None], None],
        recorder: Recorder | None = None,
        ring: SampleRing | None = None,
    ):
        self.heard, self.folder, self.ring = heard, Path(folder), ring
        self._use, self._recorder = use, recorder
        self._lock = threading.Lock()
        self.failure: FileError | None = None
        if ring is not None:
            ring.capture(0, heard.freq())

    @property
    def path(self) -> Path | None:
        """Of the recording that runs."""
        recorder = self._recorder
        return None if recorder is None or recorder.failure else recorder.writer.path

    @property
    def kept_seconds(self) -> float:
        """How long the past may be."""
        return self.ring.capacity / self.heard.profile.samp_rate if self.ring else 0.0

    def start(self) -> Path:
        """Begin to record with the next samples.

        Raises:
            UsageError: a recording runs.
            FileError: it cannot be written.
        """
        with self._lock:
            if self.path is not None:
                raise UsageError(f"{self.path} is being recorded already")
            self._end()
            self._recorder = Recorder(self._open(self.heard.freq()), self.heard.profile, SPARE)
            self._use(self._recorder)
            log.info("recording %s", self.path)
            return self.path

    def stop(self) -> Path:
        """End the recording; gives where it lies.

        Raises:
            UsageError: none runs.
            FileError: it is not whole.
        """
        with self._lock:
            if self._recorder is None:
                raise UsageError("nothing is being recorded")
            path, failure = self._recorder.writer.path, self._end()
            if failure is not None:
                raise failure
            return path

    def save(self, seconds: float) -> tuple[Path, float]:
        """Write down the last seconds; gives where they lie, and how many were to be had.

        Raises:
            UsageError: they are not kept, or nothing was heard.
            FileError: they cannot be written.
        """
        if self.ring is None:
            raise UsageError("the past is not kept: start with --keep-seconds")
        rate = self.heard.profile.samp_rate
        with self._lock:
            kept = self.ring.last(round(seconds * rate))
            if not len(kept):
                raise UsageError("nothing was heard yet")
            begun, *later = kept.captures
            writer = self._open(begun.freq, kept.heard(rate))
            recorder = Recorder(writer, self.heard.profile, SPARE)
            recorder.first = kept.first
            for block in kept.blocks:
                recorder.write(block)
            for c in later:
                recorder.capture(c.start, c.freq, c.heard, c.gap)
            for packet in kept.packets:
                recorder.note(packet)
            if failure := recorder.close():
                raise failure
            return recorder.writer.path, len(kept) / rate

    def capture(self, start: int, freq: float | None) -> None:
        """Sample `start` is no continuation; see `RecordingWriter.capture`."""
        if self.ring is not None:
            self.ring.capture(start, freq)
        if (recorder := self._recorder) is not None:
            recorder.capture(start, freq)

    def close(self) -> FileError | None:
        """End what runs; gives the first thing that went wrong with a recording."""
        with self._lock:
            self._end()
        return self.failure

    def _open(self, freq: float | None, heard_at: float | None = None) -> RecordingWriter:
        heard = self.heard
        return RecordingWriter(
            self._fresh_path(), heard.profile.samp_rate, freq, heard.datatype,
            heard.hardware, heard_at,
        )  # fmt: skip

    def _fresh_path(self) -> Path:
        now = datetime.datetime.now(datetime.UTC)
        name = now.strftime("percast-%Y%m%dT%H%M%SZ")
        number, path = 1, self.folder / f"{name}{META}"
        while path.exists():
            number += 1
            path = self.folder / f"{name}-{number}{META}"
        return path

    def _end(self) -> FileError | None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        self._use(None)
        failure = recorder.close()
        self.failure = self.failure or failure
        return failure
