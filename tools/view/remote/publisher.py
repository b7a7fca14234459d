# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running receiver tells beside its pictures, to those who ask."""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from percast.blocks.images import PictureSink
from percast.blocks.images.messages import AIR, FIGURES, SPECTRUM
from percast.blocks.images.records import to_json
from percast.blocks.images.zmq_images import ZmqImageSink
from percast.blocks.stats.scoring import Scorer
from percast.flowgraphs.receiver import Receiver
from percast.tools.view.air import AirTap, told
from percast.tools.view.hooks import hook, unhook

log = logging.getLogger(__name__)

_EVERY = 0.25  # seconds between two looks at who asks, and between two messages about the air
_FIGURES_EVERY = 2  # of these


class Publisher:
    """A thread that serves those who ask; while nobody does, it only looks whether anybody does.

    Args:
        out: where pictures are published.
        receiver, scorer: to look into.
        stats: gives the tree of figures, from any thread.
        source: where the samples come from, in words.
    """

    def __init__(
        self,
        out: ZmqImageSink,
        receiver: Receiver,
        scorer: Scorer,
        stats: Callable[[], Any],
        source: str,
    ):
        self._out, self._receiver, self._scorer = out, receiver, scorer
        self._stats, self._source = stats, source
        self._air, self._erased = AirTap(receiver.demodulator), 0
        self._closing = threading.Event()
        hook(scorer, "on_scored", self._scored)
        self._thread = threading.Thread(target=self._serve, name="percast publisher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._air.look(False)
        unhook(self._scorer, "on_scored", self._scored)

    def _serve(self) -> None:
        rounds = 0
        while not self._closing.wait(_EVERY):
            try:
                self._tell(self._out.asked(), rounds % _FIGURES_EVERY == 0)
            except Exception as error:  # noqa: BLE001 - costs those who look, not the link
                log.warning("publishing figures: %s: %s", type(error).__name__, error)
                self._closing.wait(10)
            rounds += 1

    def _tell(self, asked: frozenset[bytes], figures: bool) -> None:
        self._air.look(bool(asked & {AIR, SPECTRUM}))
        if figures and FIGURES in asked:
            self._out.tell(FIGURES, self._figures())
        for kind, text in told(*self._air.take(), self._receiver.profile):
            if kind.encode() in asked:
                self._out.tell(kind.encode(), text)

    def _figures(self) -> str:
        return to_json(
            {
                "type": "figures",
                "stats": dataclasses.asdict(self._stats()),
                "erased": self._erased,
                "source": self._source,
                "at": time.time(),
            }
        )

    def _scored(self, rgb, original, record: dict) -> None:
        self._erased += record.get("lost_symbols", 0)


@contextlib.contextmanager
def published(
    out: PictureSink,
    receiver: Receiver,
    scorer: Scorer,
    stats: Callable[[], Any],
    source: str,
) -> Iterator[None]:
    """Tell more than pictures where these are published; see `Publisher`."""
    if not isinstance(out, ZmqImageSink):
        yield
        return
    publisher = Publisher(out, receiver, scorer, stats, source)
    try:
        yield
    finally:
        publisher.close()
