# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: received symbols (PDUs) to pictures (PDUs)."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from percast.blocks.pdu import END, PictureSymbols, is_end, to_pdu
from percast.blocks.queues.turnstile import Turnstile
from percast.blocks.queues.worker import leading
from percast.blocks.stats.clock import CLOCK
from percast.blocks.stats.tally import Tally
from percast.blocks.worker_block import WorkerBlock
from percast.engines.codecs.contract import (
    Codec,
    CodecFault,
    Decoded,
    Decodes,
    Figures,
    Picture,
    Received,
    Undecodable,
)
from percast.errors import PercastError


@dataclass(frozen=True)
class Arrived(PictureSymbols):
    """A received picture, and what decodes it, or why nothing here does."""

    codec: Codec | None = None
    foreign: str = ""

    @property
    def received(self) -> Received:
        return self.header.coded, self.symbols, self.noise_var

    def record(self, figures: Figures) -> dict:
        """What the sink writes down."""
        header = self.header
        read_at, ours = CLOCK.from_stamp(header.timestamp_us)
        return self.figures | {
            "id": header.image,
            "session": header.session,
            "width": header.width,
            "height": header.height,
            "codec": self.codec.name,
            "cbr": len(self.symbols) / (3 * header.width * header.height),
            "callsign": header.callsign,
            "read_at": read_at,
            "clocks_agree": ours,
            **({"codec_figures": dict(figures)} if figures else {}),
        }


class Again(NamedTuple):
    """A picture that was decoded once more, and the seconds that this waited for the codec and took
    in it."""

    picture: Picture
    waited: float
    decoding: float


class ImageGenerator(WorkerBlock):
    """Runs a codec's decoder in a worker thread, on several waiting pictures of one size at once
    where the codec says that this pays. The header says which codec.

    Message input `symbols`, as `OfdmDemodulator` sends them. Message output `images`: PDU of
    what the sink writes down and rgb bytes; then the end message. A picture that arrived too
    damaged for its codec goes out with the reason as `undecodable`, and without bytes but for those
    of what the codec shows in its place. Pictures that
    no codec here decodes (another model, another codec) are left out.

    Args:
        codec: what decodes; closed by whoever opened it.
        realism: 0..1 in place of what the sender wished, None to follow the sender.
        depth: pictures that may wait.
        live: see `WorkerBlock`.
        frames: pictures to give out, undecodable ones among them; None or 0 for all. Those that
            come later are left alone.

    Attributes:
        given, beyond: pictures given out, and those left alone because they came later.
        foreign, undecodable: pictures counted by reason, as long as these are not too many.
        arrived: pictures by the codec that they were for.
        faults: those of the undecodable ones that are the codec's own fault.
        realism: as above; takes effect with the next picture.
        on_decoded: called with what arrived of each picture that was decoded, and with the realism
            that was in force; None while nobody looks.
    """

    def __init__(
        self,
        codec: Decodes,
        realism: float | None = None,
        depth: int = 4,
        live: bool = False,
        frames: int | None = None,
    ):
        super().__init__("percast image generator", "symbols", "images", depth, live)
        self.codec, self.realism = codec, realism
        self._frames = frames or None
        self.given = self.beyond = 0
        self.on_decoded: Callable[[Arrived, float | None], None] | None = None
        # A codec decodes in one thread at a time: this block's, or one that decodes again.
        self._decoding = Turnstile()
        self.arrived: Counter[Codec] = Counter()
        self.foreign = Tally("picture of another kind, left out")
        self.undecodable = Tally("picture that cannot be decoded", logging.INFO)
        self.faults = Tally("picture that could not be decoded")

    def unpack(self, message) -> Arrived | None:
        if is_end(message):
            return None
        item = Arrived.from_pdu(message)
        coded, symbols = item.header.coded, len(item.symbols)
        try:
            codec = self.codec.decoder_for(coded)
            expected = codec.symbols_expected(coded)
        except PercastError as error:
            return replace(item, foreign=str(error))
        if expected != symbols:
            size = f"{coded.width}x{coded.height}"
            told = f"{size} needs {expected} symbols, its header says {symbols}"
            return replace(item, foreign=told)
        return replace(item, codec=codec)

    def batch(self, waiting: Sequence) -> int:
        def kind(item: Arrived | None) -> tuple | None:
            """Codec and size of a picture that may share a batch; foreign ones stay alone."""
            if item is None or item.foreign:
                return None
            return item.codec, item.header.height, item.header.width

        def most(item: Arrived) -> int:
            limit = item.codec.batch_to_decode(item.header.height, item.header.width)
            return limit if self._frames is None else min(limit, self._frames - self.given)

        return leading(waiting, kind=kind, most=most)

    def process(self, *items) -> None:
        if items == (None,):
            self.publish(END)
            return
        if self.given == self._frames:
            self.beyond += len(items)
            return
        first = items[0]
        if first.foreign:
            self.foreign.add(first.foreign)
            return
        realism = self.realism  # may be changed meanwhile
        try:
            pictures = self._decode(items, realism)
        except (Undecodable, CodecFault) as error:
            if len(items) > 1:
                raise  # comes again one by one
            if isinstance(error, CodecFault):
                self.faults.add(str(error))
            self.arrived[first.codec] += 1
            self.undecodable.add(str(error))
            record = first.record(getattr(error, "figures", {}))
            record |= {"decoded_at": CLOCK.now(), "undecodable": str(error)}
            instead = getattr(error, "instead", None)
            self._give(record, b"" if instead is None else instead.tobytes())
            return
        decoded_at = CLOCK.now()
        self.arrived[first.codec] += len(items)
        for item, (rgb, figures) in zip(items, pictures, strict=True):
            record = item.record(figures) | {"decoded_at": decoded_at}
            if (look := self.on_decoded) is not None:
                look(item, realism)
            self._give(record, rgb.tobytes())

    def _give(self, record: dict, data: bytes) -> None:
        self.given += 1  # first: whoever gets the last one asks
        self.publish(to_pdu(record, data))

    def decode_again(self, item: Arrived, realism: float | None) -> Again:
        """A picture that was decoded already once more from its symbols, from any thread, and
        before those that wait: somebody looks on.

        Args:
            item: as `on_decoded` was given it.
            realism: 0..1, None for what the sender wished.

        Raises:
            Undecodable, CodecFault: as ever.
        """
        asked = time.monotonic()
        with self._decoding.turn(hurry=True):
            began = time.monotonic()
            picture = item.codec.decode_batch([item.received], realism)[0].picture
            return Again(picture, began - asked, time.monotonic() - began)

    @property
    def used(self) -> Codec:
        """The codec that most pictures were for; before the first, the one that is expected."""
        arrived = dict(self.arrived)  # at once, for the worker goes on counting
        return max(arrived, key=arrived.get, default=self.codec.first)

    def _decode(self, items: Sequence[Arrived], realism: float | None) -> list[Decoded]:
        with self._decoding.turn():
            return items[0].codec.decode_batch([item.received for item in items], realism)
