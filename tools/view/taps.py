# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver's blocks made last, held by reference."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from percast.blocks.image_generator import Arrived
from percast.blocks.stats.scoring import Scorer
from percast.engines.metrics import Lpips, psnr
from percast.flowgraphs.receiver import Receiver
from percast.tools.view.air import AirTap, told
from percast.tools.view.hooks import hook, unhook
from percast.tools.view.shown import Shown, key_of

_UNSCORED = 16  # decoded and not written yet; more of them means that somebody stopped


class Taps:
    """Hooks in a receiver's blocks. The blocks' threads only put references here.

    Args:
        receiver: to look into.
        scorer: the one that this receiver's sink asks.

    Attributes:
        gone, source: as a `Subscriber` has them; nothing to say in the same process.
        on_picture: called, in the sink's thread, after each picture.
        newest: the picture that came last.
        erased: symbols that never arrived, of all pictures so far.
    """

    gone = source = None

    def __init__(self, receiver: Receiver, scorer: Scorer):
        self.receiver, self._scorer = receiver, scorer
        self.on_picture: Callable[[], None] = lambda: None
        self._air = AirTap(receiver.demodulator)
        self.erased = 0
        self._lpips: Lpips | None = None
        self._lock = threading.Lock()
        self._unscored: OrderedDict[str, tuple[Arrived, float | None]] = OrderedDict()
        self.newest: Shown | None = None
        hook(receiver.generator, "on_decoded", self._decoded)
        hook(scorer, "on_scored", self._scored)

    @property
    def realism(self) -> float | None:
        """0..1 that pictures are decoded with, None for the sender's wish."""
        return self.receiver.generator.realism

    @realism.setter
    def realism(self, realism: float | None) -> None:
        self.receiver.generator.realism = realism

    def close(self) -> None:
        """Take the hooks off."""
        self.look(False)
        unhook(self.receiver.generator, "on_decoded", self._decoded)
        unhook(self._scorer, "on_scored", self._scored)

    def look(self, somebody: bool) -> None:
        """Whether anybody wants packets and samples."""
        self._air.look(somebody)

    def air(self) -> list[tuple[str, str]]:
        """Kind and text of the messages about what came through the air since the last time."""
        return told(*self._air.take(), self.receiver.profile)

    def decode_again(self, shown: Shown, realism: float | None) -> Shown:
        """A picture with another realism, from its symbols, which it has; it has no figures yet,
        see `score`.

        Raises:
            PercastError: it cannot be decoded.
        """
        again = self.receiver.generator.decode_again(shown.arrived, realism)
        # Figures take as long as a generator: the dial would feel it.
        record = shown.record | {
            "psnr_db": None, "lpips": None,
            "waited_ms": 1e3 * again.waited, "decoding_ms": 1e3 * again.decoding,
        }  # fmt: skip
        return replace(shown, rgb=again.picture, realism=realism, record=record)

    def score(self, shown: Shown) -> dict[str, float | None]:
        """PSNR and LPIPS of a picture against its original; None where they cannot be had."""
        figures = dict.fromkeys(("psnr_db", "lpips"))
        original, rgb = shown.original, shown.rgb
        if original is None or original.shape != rgb.shape:
            return figures
        figures["psnr_db"] = psnr(original, rgb)
        # Of its own: one thread at a time may use one, and the sink does.
        if self._lpips is None and "lpips" in self._scorer.metrics:
            self._lpips = Lpips.open()
        if self._lpips is not None:
            figures["lpips"] = self._lpips(original, rgb)
        return figures

    def _decoded(self, arrived: Arrived, realism: float | None) -> None:
        key = key_of(arrived.header.session, arrived.header.image)
        with self._lock:
            self._unscored[key] = arrived, realism
            while len(self._unscored) > _UNSCORED:
                self._unscored.popitem(last=False)

    def _scored(self, rgb: np.ndarray, original: np.ndarray | None, record: dict) -> None:
        key = key_of(record["session"], record["id"])
        with self._lock:
            arrived, realism = self._unscored.pop(key, (None, None))
        self.newest = Shown(key, arrived, rgb, original, record, realism)
        self.erased += record.get("lost_symbols", 0)
        self.on_picture()
