# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receiver writes down of what it hears."""

from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.recordings.reader import META
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.ring import SAMPLE, SampleRing
from percast.blocks.recordings.writer import DATATYPES, RecordingWriter
from percast.blocks.waveform.profile import Profile
from percast.settings import SettingError, Settings, setting

MOST_KEPT = 2 << 30  # bytes


@dataclass(frozen=True)
class RecordingConfig(Settings):
    """Parameters of a `Recorder`.

    Args:
        record: path, whose suffix says what to write; None to write nothing.
        record_format: one of `DATATYPES`, of SigMF samples; None = the first.
        keep_seconds: of samples to keep in memory, to be saved on demand; 0 = none.
        recordings: folder for what is recorded on demand.
    """

    group = "recording"

    record: str | None = setting(
        None, "--record",
        "write down what is heard, packets annotated: .sigmf-meta, .cf32 or .cs8",
        metavar="FILE", parse=str,
    )  # fmt: skip
    record_format: str | None = setting(
        None, "--record-format",
        f"of SigMF samples: {' or '.join(DATATYPES)}, 8 or 2 bytes each (default {DATATYPES[0]})",
        metavar="TYPE", parse=str, choices=DATATYPES,
    )  # fmt: skip

    keep_seconds: float = setting(
        0.0, "--keep-seconds", "keep so much of what was heard in memory, to be saved when "
        "somebody asks: 8 bytes a sample (default %(default)g: nothing)",
        metavar="S", least=0, most=3600, unit="seconds",
    )  # fmt: skip
    recordings: str = setting(
        "recordings", "--recordings", "folder for what is recorded or saved while it runs "
        "(default %(default)s)", metavar="DIR", parse=str,
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        if self.record_format and not (self.record or "").lower().endswith(META):
            yield SettingError("record_format", f"{self.record_format} is for recordings *{META}")

    def ring(self, profile: Profile) -> SampleRing | None:
        """For the last seconds; None where they are not to be kept.

        Raises:
            SettingError: they would fill the memory.
        """
        if not (capacity := round(self.keep_seconds * profile.samp_rate)):
            return None
        if capacity * SAMPLE > MOST_KEPT:
            most = MOST_KEPT / SAMPLE / profile.samp_rate
            reason = f"must be at most {most:.0f} at this sample rate: more would be over 2 GiB"
            raise SettingError("keep_seconds", reason)
        return SampleRing(capacity)

    def open(
        self, profile: Profile, freq: float | None = None, hardware: str | None = None
    ) -> Recorder | None:
        """The recorder; None where nothing is to be written.

        Args:
            profile: the waveform, with the sample rate of what is heard.
            freq: Hz, for the metadata.
            hardware: for the metadata.

        Raises:
            UsageError, FileError: see `RecordingWriter`.
        """
        if self.record is None:
            return None
        datatype = self.record_format or DATATYPES[0]
        return Recorder(
            RecordingWriter(self.record, profile.samp_rate, freq, datatype, hardware), profile
        )
