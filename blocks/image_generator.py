# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: received symbols (PDUs) to pictures (PDUs)."""

import time

import numpy as np
import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.pdu import END, from_pdu, is_end, to_pdu
from percast.blocks.waveform.header import Header
from percast.engines.codec import Codec, CodedImage
from percast.engines.worker import Worker


class ImageGenerator(Guarded, gr.basic_block):
    """Runs a codec's decoder in a worker thread.

    Message input `symbols`, as `OfdmDemodulator` sends them. Message output `images`: PDU of
    what the sink writes down and rgb bytes; then the end message.

    Args:
        codec: what decodes; closed by whoever opened it.
        realism: 0..1 in place of what the sender wished, None to follow the sender.
        depth: pictures that may wait.
        live: drop the oldest and count it when too many wait; without it, the caller must not
            send while `full`.
    """

    def __init__(
        self, codec: Codec, realism: float | None = None, depth: int = 4, live: bool = False
    ):
        gr.basic_block.__init__(self, "percast image generator", None, None)
        self.codec, self.realism = codec, realism
        self.decoded = 0
        self._worker = Worker(self._decode, depth=depth, drop_oldest=live, name="generator")
        self.message_port_register_in(pmt.intern("symbols"))
        self.message_port_register_out(pmt.intern("images"))
        self.set_msg_handler(pmt.intern("symbols"), self._take)

    @property
    def dropped(self) -> int:
        return self._worker.dropped

    def full(self) -> bool:
        return self._worker.full

    @guarded()
    def _take(self, message) -> None:
        self._worker.submit(message)

    @guarded()
    def _decode(self, message) -> None:
        if is_end(message):
            self.message_port_pub(pmt.intern("images"), END)
            return
        meta, data = from_pdu(message)
        header = Header.unpack(bytes.fromhex(meta.pop("header")))
        symbols = data[: 8 * header.symbols].view(np.complex64)
        noise_var = data[8 * header.symbols :].view(np.float32)
        coded = CodedImage(
            width=header.width,
            height=header.height,
            cbr=header.cbr,
            codec_id=header.codec,
            codec_word=header.codec_word,
            model_id=header.model,
            design_snr_db=header.design_snr_db,
            realism=header.realism,
        )
        rgb = self.codec.decode(coded, symbols, noise_var, self.realism)
        decoded_at = time.time()
        meta |= {
            "id": header.image,
            "session": header.session,
            "width": header.width,
            "height": header.height,
            "cbr": len(symbols) / (3 * header.width * header.height),
            "callsign": header.callsign,
            "read_at": header.timestamp_us / 1e6,
            "decoded_at": decoded_at,
        }
        self.decoded += 1
        self.message_port_pub(pmt.intern("images"), to_pdu(meta, rgb.tobytes()))

    def stop(self) -> bool:
        self._worker.close(drain=False)
        return True
