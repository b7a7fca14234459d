# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: coded pictures (PDUs) to OFDM samples."""

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import END, PictureSymbols, is_end, left_out_picture
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB, DEFAULT_TX_LEVEL, modulate

IDLE_WAIT = 1e-3  # seconds; message handlers run between calls of work()
# On the first sample of every packet; the key that GNU Radio's radio sinks know as a burst.
PACKET_LEN = pmt.intern("packet_len")


@dataclass
class _Piece:
    """Samples to play, and what to do after the last of them: a message to send, or the end."""

    samples: np.ndarray
    after: pmt.pmt_base | None = None
    is_packet: bool = False
    done: int = 0


class OfdmModulator(Guarded, gr.sync_block):
    """Modulates each picture into packets and plays them out; silent in between.

    Message input `symbols`: `PictureSymbols`, or `left_out` of a picture that will not come; then
    the end message. Message output `sent`: the image counter, once the last sample of the picture
    is out, or where it was left out.

    Args:
        profile: the waveform.
        tx_level: mean power of a burst in dB relative to full scale. With the default envelope
            limit of 8.5 dB, -12 leaves 3.5 dB for what filtering lets grow again.
        papr_db: envelope limit of clip-and-filter, None for none.
        gap: samples of silence after each picture.
        tail: samples of silence after the last picture, for the receiver to finish; the last of
            them carries the end tag.
    """

    def __init__(
        self,
        profile: Profile,
        tx_level: float = DEFAULT_TX_LEVEL,
        papr_db: float | None = DEFAULT_PAPR_DB,
        gap: int = 512,
        tail: int = 16384,
    ):
        gr.sync_block.__init__(self, "percast OFDM modulator", None, [np.complex64])
        self.profile, self.papr_db = profile, papr_db
        self.scale = np.float32(10 ** (tx_level / 20))
        self.burst_samples = 0  # without the silence, for the overhead
        self.ended = threading.Event()  # the last sample is out
        self._gap, self._tail = np.zeros(gap, np.complex64), np.zeros(tail, np.complex64)
        self._queue: deque[_Piece] = deque()
        self.message_port_register_in(pmt.intern("symbols"))
        self.message_port_register_out(pmt.intern("sent"))
        self.set_msg_handler(pmt.intern("symbols"), self._take)
        self.set_min_output_buffer(1 << 15)

    @guarded()
    def _take(self, message) -> None:
        if is_end(message):
            self._queue.append(_Piece(self._tail, after=END))
            return
        if (left_out := left_out_picture(message)) is not None:
            nothing = np.empty(0, np.complex64)
            self._queue.append(_Piece(nothing, after=pmt.from_long(left_out)))
            return
        picture = PictureSymbols.from_pdu(message)
        for samples in modulate(self.profile, picture.header, picture.symbols, self.papr_db):
            self.burst_samples += len(samples)
            self._queue.append(_Piece(samples * self.scale, is_packet=True))
        self._queue.append(_Piece(self._gap, after=pmt.from_long(picture.header.image)))

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        out = output_items[0]
        filled = 0
        while filled < len(out) and self._queue:
            piece = self._queue[0]
            position = self.nitems_written(0) + filled
            if piece.is_packet and piece.done == 0:
                length = pmt.from_long(len(piece.samples))
                self.add_item_tag(0, position, PACKET_LEN, length)
            part = piece.samples[piece.done : piece.done + len(out) - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            piece.done += len(part)
            if piece.done < len(piece.samples):
                break
            self._queue.popleft()
            if piece.after is END:
                self.ended.set()
                self.add_item_tag(0, position + len(part) - 1, END, pmt.PMT_T)
            elif piece.after is not None:
                self.message_port_pub(pmt.intern("sent"), piece.after)
        if filled == 0:
            time.sleep(IDLE_WAIT)
        return filled
