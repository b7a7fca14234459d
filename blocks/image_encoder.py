# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: pictures (PDUs) to coded pictures (PDUs)."""

import secrets
from collections.abc import Sequence

import numpy as np

from percast.blocks.pdu import END, PictureSymbols, from_pdu, is_end, left_out
from percast.blocks.queues.worker import leading
from percast.blocks.stats.clock import CLOCK
from percast.blocks.stats.tally import Tally
from percast.blocks.waveform.header import Header
from percast.blocks.worker_block import WorkerBlock
from percast.engines.codecs.contract import Codec, CodecFault


class ImageEncoder(WorkerBlock):
    """Runs a codec's encoder in a worker thread, on several waiting pictures of one size at once
    where the codec says that this pays.

    Message input `images`, as `ImageSource` sends them. Message output `symbols`, as
    `OfdmModulator` takes them; then the end message. A picture that the codec makes a mistake at is
    left out.

    Args:
        codec: what encodes; closed by whoever opened it.
        session: number of the sender's run, None for a random one.
        callsign: sent in every header, at most 10 ASCII characters.
        depth: pictures that may wait.

    Attributes:
        codec: may be changed while it runs, to one that makes what receivers know; see `aim`.
        faults: pictures left out, by the codec's mistake.
    """

    def __init__(
        self, codec: Codec, session: int | None = None, callsign: str = "", depth: int = 4
    ):
        super().__init__("percast image encoder", "images", "symbols", depth)
        self.codec, self.callsign = codec, callsign
        self.session = secrets.randbits(32) if session is None else session
        self.faults = Tally("picture not sent")

    def aim(self, **changes) -> None:
        """Encode from now on at another rate, design SNR or realism; see `Codec.at`."""
        self.codec = self.codec.at(**changes)

    def unpack(self, message) -> tuple[dict, np.ndarray] | None:
        if is_end(message):
            return None
        meta, data = from_pdu(message)
        return meta, data.reshape(meta["height"], meta["width"], 3)

    def batch(self, waiting: Sequence) -> int:
        return leading(
            waiting,
            kind=lambda item: item and item[1].shape,
            most=lambda item: self.codec.batch_to_encode(*item[1].shape[:2]),
        )

    def process(self, *items) -> None:
        if items == (None,):
            self.publish(END)
            return
        try:
            encoded = self.codec.encode_batch([rgb for _, rgb in items])
        except CodecFault as error:
            if len(items) > 1:
                raise  # comes again one by one
            self.faults.add(str(error))
            self.publish(left_out(items[0][0]["image"]))
            return
        for (meta, _), (coded, symbols) in zip(items, encoded, strict=True):
            stamp = CLOCK.to_stamp(meta["read_at"])
            header = Header.of(
                coded, len(symbols), self.session, meta["image"], self.callsign, stamp
            )
            self.publish(PictureSymbols(header, symbols).to_pdu())
