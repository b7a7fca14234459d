# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what a receiver hears, with an annotation for every packet."""

import logging
import math
import os

import numpy as np

from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.receive import UnreadPacket
from percast.blocks.waveform.transmit import packet_span, payload_symbols
from percast.errors import FileError

log = logging.getLogger(__name__)

LABEL = "percast packet"
_LOOK_EVERY = 1 << 22  # samples between two looks at the room on the disk


class Recorder:
    """A `RecordingWriter` that reception does not depend on: when the disk is full the recording
    ends there, that is said at once, and pictures go on arriving.

    Args:
        writer: open; closed by `close`.
        profile: of what is received.
        spare: bytes of the disk that stay free; the recording ends before.

    Attributes:
        first: number of the receiver's sample that it begins with; packets are told by numbers of
            the receiver's samples.
        failure: what ended the recording too soon.
    """

    def __init__(self, writer: RecordingWriter, profile: Profile, spare: int = 0):
        self.writer, self.profile = writer, profile
        self.first = 0
        self.failure: FileError | None = None
        self._gaps: list[int] = []  # numbers of the samples that are written after one
        self._spare, self._look_at = spare, 0  # samples written, as which to look again

    def write(self, samples: np.ndarray) -> None:
        """Append complex64 [n]."""
        if self.failure is None and self._spare and self.writer.length >= self._look_at:
            self._look_at = self.writer.length + _LOOK_EVERY
            self._try(self._check_room)
        if self.failure is None:
            self._try(self.writer.write, samples)

    def _check_room(self) -> None:
        disk = os.statvfs(self.writer.data.parent)
        if disk.f_bavail * disk.f_frsize < self._spare:
            raise FileError(f"{self.writer.data}: less than {self._spare >> 20} MiB are free")

    def capture(
        self, start: int, freq: float | None, heard: float | None = None, gap: bool = False
    ) -> None:
        """Sample `start` of the receiver is no continuation; see `RecordingWriter.capture`."""
        start -= self.first
        if start >= 0:
            if gap := gap and start > 0:
                self._gaps.append(start)
            self.writer.capture(start, freq, heard, gap)

    def note(self, packet: Packet | UnreadPacket) -> None:
        """Annotate a packet of the samples written."""
        if self.failure is not None:
            return
        p = packet.profile
        trained = packet.start - self.first
        start = trained - p.long_guard - p.short_len
        if isinstance(packet, UnreadPacket):
            length, comment = p.packet_len(0), "header lost (CRC)"
            if packet.version is not None:
                comment = f"header of version {packet.version}, which is not known yet"
            fields = {"crc_ok": False}
        else:
            h = packet.header
            lo, hi = packet_span(p, h.symbols, h.packets, h.packet)
            length = p.packet_len(payload_symbols(p, hi - lo))
            number, packets, pictures = h.packet, h.packets, 1
            comment = f"header CRC ok; picture {h.image}, packet {number + 1} of {packets}"
            if h.packets == 0:  # as a shared packet's header has it
                number, packets, pictures = 0, 1, h.packet
                comment = f"header CRC ok; {pictures} pictures from {h.image} on"
            snr = packet.signal / packet.noise
            fields = {
                "crc_ok": True, "session": h.session, "image": h.image, "packet": number,
                "packets": packets, "pictures": pictures,
                "snr_db": 10 * math.log10(snr) if snr > 0 else None, "callsign": h.callsign,
            }  # fmt: skip
        # It may break off with the recording, or at a gap, and may have begun before either: its
        # training symbols are what was surely heard.
        begin = max((gap for gap in self._gaps if gap <= trained), default=0)
        end = min((gap for gap in self._gaps if gap > trained), default=self.writer.length)
        length = min(length, end - start)
        cut = max(0, begin - start)
        if cut >= length:
            return
        fields["freq_offset_hz"] = packet.freq_offset
        self.writer.annotate(start + cut, length - cut, LABEL, comment, **fields)

    def close(self) -> FileError | None:
        """Finish the recording; gives `failure`."""
        self._try(self.writer.close)
        return self.failure

    def _try(self, action, *args) -> None:
        try:
            action(*args)
        except FileError as error:
            if self.failure is None:
                self.failure = error
                log.error("recording ended: %s", error)
