# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: received symbols (PDUs) to pictures (PDUs)."""

import logging
from collections.abc import Sequence

from percast.blocks.pdu import END, PictureSymbols, is_end, to_pdu
from percast.blocks.queues.worker import leading
from percast.blocks.stats.clock import CLOCK
from percast.blocks.worker_block import WorkerBlock
from percast.engines.codecs.contract import Codec
from percast.errors import ModelError

log = logging.getLogger(__name__)

MAX_REASONS = 20
"""Reasons told apart: whoever fills headers with numbers must not fill our memory and log."""
OTHER_REASONS = "further reasons"


class _Arrived(PictureSymbols):
    """A received picture."""

    def record(self) -> dict:
        """What the sink writes down."""
        header = self.header
        read_at, ours = CLOCK.from_stamp(header.timestamp_us)
        return self.figures | {
            "id": header.image,
            "session": header.session,
            "width": header.width,
            "height": header.height,
            "cbr": len(self.symbols) / (3 * header.width * header.height),
            "callsign": header.callsign,
            "read_at": read_at,
            "clocks_agree": ours,
        }


class ImageGenerator(WorkerBlock):
    """Runs a codec's decoder in a worker thread, on several waiting pictures of one size at once
    where the codec says that this pays.

    Message input `symbols`, as `OfdmDemodulator` sends them. Message output `images`: PDU of
    what the sink writes down and rgb bytes; then the end message. Pictures that the codec cannot
    decode (another model, another codec) are left out and counted in `foreign`, by reason as long
    as these are not too many.

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

    def unpack(self, message) -> _Arrived | None:
        return None if is_end(message) else _Arrived.from_pdu(message)

    def batch(self, waiting: Sequence) -> int:
        return leading(
            waiting,
            kind=self._kind,
            most=lambda item: self.codec.batch_to_decode(item.header.height, item.header.width),
        )

    def process(self, *items) -> None:
        if items == (None,):
            self.publish(END)
            return
        if len(items) == 1 and (reason := self._not_ours(items[0])):
            self._count(reason)
            return
        pictures = self.codec.decode_batch(
            [(item.header.coded, item.symbols, item.noise_var) for item in items], self.realism
        )
        decoded_at = CLOCK.now()
        for item, rgb in zip(items, pictures, strict=True):
            self.publish(to_pdu(item.record() | {"decoded_at": decoded_at}, rgb.tobytes()))

    def _count(self, reason: str) -> None:
        if reason not in self.foreign:
            if len(self.foreign) >= MAX_REASONS:
                reason = OTHER_REASONS
            if reason not in self.foreign:
                log.warning("picture of another kind, left out: %s", reason)
        self.foreign[reason] = self.foreign.get(reason, 0) + 1

    def _kind(self, item: _Arrived | None) -> tuple[int, int] | None:
        """The size of a picture that may share a batch; foreign ones stay alone."""
        if item is None or self._not_ours(item):
            return None
        return item.header.height, item.header.width

    def _not_ours(self, item: _Arrived) -> str | None:
        """Why this codec cannot decode a picture, None when it can."""
        coded, symbols = item.header.coded, len(item.symbols)
        try:
            expected = self.codec.symbol_count(coded)
        except ModelError as error:
            return str(error)
        if expected != symbols:
            return (
                f"{coded.width}x{coded.height} needs {expected} symbols, its header says {symbols}"
            )
        return None
