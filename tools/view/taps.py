# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver's blocks made last, held by reference."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from percast.blocks.image_generator import Arrived
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.demodulate import Packet
from percast.engines.metrics import psnr
from percast.flowgraphs.receiver import Receiver

_SAMPLES = 8192  # of a spectrum
_UNSCORED = 16  # decoded and not written yet; more of them means that somebody stopped


@dataclass(frozen=True)
class Shown:
    """A received picture.

    Args:
        key: of session and number, as text.
        arrived: its symbols, to decode it again; None where they are gone.
        rgb: uint8 [H, W, 3].
        original: likewise, None where it is not known.
        record: what is known about it; see `ImageSink`.
        realism: 0..1 that it was decoded with, None for the sender's wish.
    """

    key: str
    arrived: Arrived | None
    rgb: np.ndarray
    original: np.ndarray | None
    record: dict
    realism: float | None


class Taps:
    """Hooks in a receiver's blocks. The blocks' threads only put references here.

    Args:
        receiver: to look into.
        scorer: the one that this receiver's sink asks.

    Attributes:
        on_picture: called, in the sink's thread, after each picture.
        newest: the picture that came last.
        packet: the last one; None while nobody looks.
        samples: some that came since this was set to None, complex64 [n]; None while nobody looks.
        erased: symbols that never arrived, of all pictures so far.
    """

    def __init__(self, receiver: Receiver, scorer: Scorer):
        self.receiver, self._scorer = receiver, scorer
        self.on_picture: Callable[[], None] = lambda: None
        self.packet: Packet | None = None
        self.samples: np.ndarray | None = None
        self.erased = 0
        self._lock = threading.Lock()
        self._unscored: OrderedDict[str, tuple[Arrived, float | None]] = OrderedDict()
        self.newest: Shown | None = None
        receiver.generator.on_decoded = self._decoded
        scorer.on_scored = self._scored

    def close(self) -> None:
        """Take the hooks off."""
        self.look(False)
        self.receiver.generator.on_decoded = self._scorer.on_scored = None

    def look(self, somebody: bool) -> None:
        """Whether anybody wants packets and samples."""
        demodulator = self.receiver.demodulator
        demodulator.on_packet = self._take_packet if somebody else None
        demodulator.on_samples = self._take_samples if somebody else None
        if not somebody:
            self.packet = self.samples = None

    def decode_again(self, shown: Shown, realism: float | None) -> Shown:
        """A picture with another realism, from its symbols; of figures it has the PSNR only.

        Raises:
            PercastError: it cannot be decoded.
        """
        if shown.arrived is None:
            return shown
        rgb, original = self.receiver.generator.decode_again(shown.arrived, realism), shown.original
        # LPIPS takes as long as a generator: the dial would feel it.
        figures = {"psnr_db": None, "lpips": None}
        if original is not None and original.shape == rgb.shape:
            figures["psnr_db"] = psnr(original, rgb)
        return replace(shown, rgb=rgb, realism=realism, record=shown.record | figures)

    def _take_packet(self, packet: Packet) -> None:
        self.packet = packet

    def _take_samples(self, samples: np.ndarray) -> None:
        if self.samples is None:
            self.samples = samples[:_SAMPLES].copy()

    def _decoded(self, arrived: Arrived, realism: float | None) -> None:
        key = _key(arrived.header.session, arrived.header.image)
        with self._lock:
            self._unscored[key] = arrived, realism
            while len(self._unscored) > _UNSCORED:
                self._unscored.popitem(last=False)

    def _scored(self, rgb: np.ndarray, original: np.ndarray | None, record: dict) -> None:
        key = _key(record["session"], record["id"])
        with self._lock:
            arrived, realism = self._unscored.pop(key, (None, None))
        self.newest = Shown(key, arrived, rgb, original, record, realism)
        self.erased += record.get("lost_symbols", 0)
        self.on_picture()


def _key(session: int, image: int) -> str:
    return f"{session:08x}-{image}"
