# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: OFDM samples to received pictures' symbols (PDUs)."""

import threading
from collections.abc import Callable

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import END, GAP, RX_TIME, PictureSymbols
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.ring import SampleRing
from percast.blocks.waveform.demodulate import Packet
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.reassemble import Reassembler, ReceivedImage
from percast.blocks.waveform.receive import Receiver, UnreadPacket

_HOLD_WAIT = 0.05  # seconds, after which it looks whether it is to stop


class OfdmDemodulator(Guarded, gr.sync_block):
    """Finds packets, equalises them and puts pictures together.

    Message output `symbols`: `PictureSymbols` with their noise variances and the link's figures;
    the end message after the sample with the end tag. At a tag of a gap, or a USRP's time tag, the
    packet in progress is taken as far as it came, and the next one is looked for.

    Args:
        profile: the waveform.
        hold: waits so many seconds at most until samples may be taken, and says whether they may
            still not. In the loopback that is how a slow generator slows the sender down; over the
            air nothing can wait, leave it out.
        recorder: writes down what is heard; see `record`.

    Attributes:
        ring: takes what is heard, and its packets; None where the past is not kept.
        on_packet: called with every packet that was read; None while nobody looks.
        on_samples: called with the samples as they come, complex64 [n], to be copied if they are
            to be kept; None while nobody looks.
    """

    def __init__(
        self,
        profile: Profile,
        hold: Callable[[float], bool] = lambda seconds: False,
        recorder: Recorder | None = None,
    ):
        gr.sync_block.__init__(self, "percast OFDM demodulator", [np.complex64], None)
        self.receiver, self.reassembler = Receiver(profile), Reassembler(profile)
        self.hold, self._recorder = hold, recorder
        self.ring: SampleRing | None = None
        self._recording = threading.Lock()  # held while the recorder or the ring is in use
        self._heard = 0  # samples
        self.receiver.on_packet = self._note
        self.on_packet: Callable[[Packet], None] | None = None
        self.on_samples: Callable[[np.ndarray], None] | None = None
        self.images = 0
        self._stopping = self._ended = False
        self.message_port_register_out(pmt.intern("symbols"))

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        while self.hold(_HOLD_WAIT) and not self._stopping:
            pass
        samples = input_items[0]
        if self._ended:
            return len(samples)
        first, done = self.nitems_read(0), 0
        tags = self.get_tags_in_range(0, first, first + len(samples))
        for tag in sorted(tags, key=lambda tag: tag.offset):
            if pmt.eq(tag.key, GAP) or pmt.eq(tag.key, RX_TIME):
                self._hear(samples[done : tag.offset - first])
                done = tag.offset - first
                self._begin_anew(pmt.to_double(tag.value) if pmt.is_real(tag.value) else None)
        self._hear(samples[done:])
        self._publish(self.reassembler.expire(self.receiver.stats.samples))
        if self._stopping or any(pmt.eq(tag.key, END) for tag in tags):
            self._end()
        return len(samples)

    def _hear(self, samples: np.ndarray) -> None:
        if not len(samples):
            return
        with self._recording:
            self._heard += len(samples)
            if self._recorder is not None:
                self._recorder.write(samples)
            if self.ring is not None:
                self.ring.put(samples)
        # Read once: another thread may take the hook off.
        if (look := self.on_samples) is not None:
            look(samples)
        self._read(self.receiver.push(samples))

    def _begin_anew(self, heard: float | None) -> None:
        """Samples are missing before the next, which was heard at that time, seconds since 1970."""
        if not self._heard:
            return
        with self._recording:
            for keeper in self._keepers():
                keeper.capture(self._heard, None, heard, gap=True)
        self._read(self.receiver.flush())

    def _read(self, packets: list[Packet]) -> None:
        for packet in packets:
            if (look := self.on_packet) is not None:
                look(packet)
            self._publish(self.reassembler.push(packet))

    def record(self, recorder: Recorder | None) -> None:
        """Write down with another recorder from the next samples on, or not at all; the one before
        is not used any more when this returns. From any thread."""
        with self._recording:
            if recorder is not None:
                recorder.first = self._heard
            self._recorder = recorder

    def _keepers(self) -> list[Recorder | SampleRing]:
        return [keeper for keeper in (self._recorder, self.ring) if keeper is not None]

    def _note(self, packet: Packet | UnreadPacket) -> None:
        for keeper in self._keepers():
            keeper.note(packet)

    def finish(self) -> None:
        """End with the samples at hand, and hold nothing back any more."""
        self._stopping = True

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        for packet in self.receiver.flush():
            self._publish(self.reassembler.push(packet))
        self._publish(self.reassembler.flush())
        self.message_port_pub(pmt.intern("symbols"), END)

    def _publish(self, images: list[ReceivedImage]) -> None:
        for image in images:
            self.images += 1
            figures = {
                "snr_db": image.snr_db,
                "evm_db": image.evm_db,
                "freq_offset_hz": image.freq_offset,
                "clock_ppm": image.clock_ppm,
                "lost_symbols": image.lost_symbols,
            }
            picture = PictureSymbols(image.header, image.symbols, image.noise_var, figures)
            self.message_port_pub(pmt.intern("symbols"), picture.to_pdu())
