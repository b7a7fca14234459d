# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: received symbols (PDUs) to pictures (PDUs)."""

import logging
import time

import numpy as np

from percast.blocks.pdu import END, from_pdu, is_end, to_pdu
from percast.blocks.waveform.header import Header
from percast.blocks.worker_block import WorkerBlock
from percast.engines.codec import Codec, CodedImage
from percast.errors import ModelError

log = logging.getLogger(__name__)


class ImageGenerator(WorkerBlock):
    """Runs a codec's decoder in a worker thread.

    Message input `symbols`, as `OfdmDemodulator` sends them. Message output `images`: PDU of
    what the sink writes down and rgb bytes; then the end message. Pictures that the codec cannot
    decode (another model, another codec) are left out and counted in `foreign`, by reason.

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
        self.foreign: dict[str, int] = {}

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
        if reason := self._not_ours(coded, len(symbols)):
            if reason not in self.foreign:
                log.warning("picture of another kind, left out: %s", reason)
            self.foreign[reason] = self.foreign.get(reason, 0) + 1
            return
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
        self.publish(to_pdu(meta, rgb.tobytes()))

    def _not_ours(self, coded: CodedImage, symbols: int) -> str | None:
        """Why this codec cannot decode a picture, None when it can."""
        try:
            expected = self.codec.symbol_count(coded)
        except ModelError as error:
            return str(error)
        if expected != symbols:
            return f"{coded.width}x{coded.height} needs {expected} symbols, its header says {symbols}"
        return None
