# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receiver writes down of what it hears."""

from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.recordings.reader import META
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.writer import DATATYPES, RecordingWriter
from percast.blocks.waveform.profile import Profile
from percast.settings import SettingError, Settings, setting


@dataclass(frozen=True)
class RecordingConfig(Settings):
    """Parameters of a `Recorder`.

    Args:
        record: path, whose suffix says what to write; None to write nothing.
        record_format: one of `DATATYPES`, of SigMF samples; None = the first.
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

    def check(self) -> Iterator[SettingError]:
        if self.record_format and not (self.record and self.record.endswith(META)):
            yield SettingError("record_format", f"{self.record_format} is for recordings *{META}")

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
