# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: coded pictures (PDUs) to OFDM samples."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import NamedTuple

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import IDLE_WAIT, Guarded, guarded
from percast.blocks.pdu import END, PACKET_LEN, PictureSymbols, is_end, left_out_picture
from percast.blocks.waveform import kernels
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.transmit import (
    DEFAULT_PAPR_DB,
    DEFAULT_TX_LEVEL,
    could_share,
    modulate_all,
)

_LEAST_BUFFER = 1 << 15  # samples
AHEAD = 0.02  # seconds; a radio goes on while the next packet is made


@dataclass
class _Piece:
    """Samples to play, and what to do after the last of them: messages to send, or the end; and
    the headers of the pictures that are out with it."""

    samples: np.ndarray
    after: tuple[pmt.pmt_base, ...] = ()
    pictures: tuple[Header, ...] = ()
    is_packet: bool = False
    done: int = 0


class Spent(NamedTuple):
    """What pictures took: samples of their packets without the silence, their symbols, and their
    own samples (3 a pixel)."""

    burst_samples: int = 0
    latent_symbols: int = 0
    source_samples: int = 0


class OfdmModulator(Guarded, gr.sync_block):
    """Modulates each picture into packets and plays them out; silent in between. Several
    small pictures may share a packet.

    Message input `symbols`: `PictureSymbols`, or `left_out` of a picture that will not come; then
    the end message. Message output `sent`: the image counter, once the last sample of the picture
    is out, or where it was left out; of one that waits for others to share its packet at once, for
    a source may send these only when it hears of the first.

    Args:
        profile: the waveform.
        tx_level: mean power of a packet's payload in dB relative to full scale. With the default
            envelope limit of 8.5 dB, -12 leaves 3.5 dB for what filtering lets grow again; what
            short packets send 3 dB above the payload has no higher peaks.
        papr_db: envelope limit of clip-and-filter, None for none.
        gap: samples of silence after each picture.
        share: small pictures that share a packet; the first of them waits for the last. They are
            fewer where the next one is of another kind, or there is none.
        tail: samples of silence after the last picture, for the receiver to finish; the last of
            them carries the end tag.
        ahead: seconds of samples that may wait for who takes them; `_LEAST_BUFFER` of them always
            may.

    Attributes:
        spent: by the pictures that are out, all their packets.
    """

    def __init__(
        self,
        profile: Profile,
        tx_level: float = DEFAULT_TX_LEVEL,
        papr_db: float | None = DEFAULT_PAPR_DB,
        gap: int = 512,
        tail: int = 16384,
        share: int = 1,
        ahead: float = AHEAD,
    ):
        gr.sync_block.__init__(self, "percast OFDM modulator", None, [np.complex64])
        kernels.warm_up()
        self.profile, self.papr_db, self._share = profile, papr_db, share
        self.scale = np.float32(10 ** (tx_level / 20))
        self.spent, self._burst_samples = Spent(), 0
        self.ended = threading.Event()  # the last sample is out, and counted
        self._over = False
        self._gap, self._tail = np.zeros(gap, np.complex64), np.zeros(tail, np.complex64)
        self._piece: _Piece | None = None  # that is played
        self._next: Iterator[_Piece] = iter(())  # the rest of its picture
        self._waiting: deque[PictureSymbols | _Piece] = deque()
        self._told = 0  # of the first that wait, how many were sent word of
        self.message_port_register_in(pmt.intern("symbols"))
        self.message_port_register_out(pmt.intern("sent"))
        self.set_msg_handler(pmt.intern("symbols"), self._take)
        self.set_min_output_buffer(max(_LEAST_BUFFER, int(ahead * profile.samp_rate)))

    @guarded()
    def _take(self, message) -> None:
        if is_end(message):
            self._waiting.append(_Piece(self._tail, after=(END,)))
            return
        if (left_out := left_out_picture(message)) is not None:
            nothing = np.empty(0, np.complex64)
            self._waiting.append(_Piece(nothing, after=(pmt.from_long(left_out),)))
            return
        self._waiting.append(PictureSymbols.from_pdu(message))

    def _fetch(self) -> bool:
        """Whether there is a piece to play; false where there is nothing, or a picture that has to
        wait for one to share its packet with."""
        if self._piece is None:
            self._piece = next(self._next, None)
        if self._piece is None and self._waiting and (pieces := self._pieces()) is not None:
            self._next = pieces
            self._piece = next(pieces)
        return self._piece is not None

    def _pieces(self) -> Iterator[_Piece] | None:
        """What has waited longest, a picture together with what shares its packet; packets are made
        when their turn comes."""
        if isinstance(self._waiting[0], _Piece):
            return iter([self._waiting.popleft()])
        waiting = islice(self._waiting, self._share)
        pictures = list(takewhile(lambda x: not isinstance(x, _Piece), waiting))
        coded = [(x.header, x.symbols) for x in pictures]
        may_come = len(pictures) == len(self._waiting) < self._share
        if may_come and could_share(self.profile, coded):
            for picture in pictures[self._told :]:
                self._tell(pmt.from_long(picture.header.image))
            self._told = len(pictures)
            return None
        count, packets = modulate_all(self.profile, coded, self.papr_db, float(self.scale))
        done = tuple(self._waiting.popleft().header for _ in range(count))
        after = tuple(pmt.from_long(header.image) for header in done[self._told :])
        self._told = 0  # those that waited together share the packet
        played = (_Piece(samples, is_packet=True) for samples in packets)
        return chain(played, [_Piece(self._gap, after, done)])

    def _tell(self, message: pmt.pmt_base) -> None:
        self.message_port_pub(pmt.intern("sent"), message)

    @guarded(returns=-1)
    def work(self, input_items, output_items) -> int:
        if self._over:  # not before: what a call gives is counted when it has returned
            self.ended.set()
        out = output_items[0]
        filled = 0
        while filled < len(out) and self._fetch():
            piece = self._piece
            position = self.nitems_written(0) + filled
            if piece.is_packet and piece.done == 0:
                self._burst_samples += len(piece.samples)
                length = pmt.from_long(len(piece.samples))
                self.add_item_tag(0, position, PACKET_LEN, length)
            part = piece.samples[piece.done : piece.done + len(out) - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            piece.done += len(part)
            if piece.done < len(piece.samples):
                break
            self._piece = None
            if piece.pictures:
                latents, source = self.spent[1:]
                latents += sum(h.symbols for h in piece.pictures)
                source += sum(3 * h.width * h.height for h in piece.pictures)
                self.spent = Spent(self._burst_samples, latents, source)
            if piece.after and piece.after[0] is END:
                self._over = True
                self.add_item_tag(0, position + len(part) - 1, END, pmt.PMT_T)
                continue
            for message in piece.after:
                self._tell(message)
        if filled == 0:
            time.sleep(IDLE_WAIT)
        return filled
