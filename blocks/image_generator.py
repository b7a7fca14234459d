# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: received symbols (PDUs) to pictures (PDUs)."""

import time

import numpy as np

from percast.blocks.pdu import END, from_pdu, is_end, to_pdu
from percast.blocks.waveform.header import Header
from percast.blocks.worker_block import WorkerBlock
from percast.engines.codec import Codec, CodedImage


class ImageGenerator(WorkerBlock):
    """Runs a codec's decoder in a worker thread.

    Message input `symbols`, as `OfdmDemodulator` sends them. Message output `images`: PDU of
    what the sink writes down and rgb bytes; then the end message.

    Args:
        codec: what decodes; closed by whoever opened it.
        realism: 0..1 in place of what the sender wished, None to follow the sender.
        depth: pictures that may wait.
        live: see `WorkerBlock`.
    """

    def __init__(
        self, codec: Codec, realism: float | None = None, depth: int = 4, live: bool = False
    ):
        super().__init__("percast image generator", "symbols", "images", depth, live)
        self.codec, self.realism = codec, realism
        self.decoded = 0

    def process(self, message) -> None:
        if is_end(message):
            self.publish(END)
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
        self.publish(to_pdu(meta, rgb.tobytes()))
