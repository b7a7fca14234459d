# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiving end: samples to pictures."""

from collections.abc import Callable
from threading import Event

from gnuradio import gr

from percast.blocks.image_generator import ImageGenerator
from percast.blocks.image_sink import ImageSink
from percast.blocks.images import PictureSink
from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.recordings.on_demand import Heard, OnDemand
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.ring import SampleRing
from percast.blocks.stats.link_stats import LinkStats
from percast.blocks.stats.scoring import Scorer
from percast.blocks.stats.tree import (
    CodecInUse,
    Link,
    ReceivedImages,
    ReceiverStats,
    Sync,
    Waveform,
)
from percast.blocks.waveform.profile import Profile
from percast.engines.codecs.contract import Decodes


class Receiver(gr.hier_block2):
    """samples -> OFDM demodulator -> generator -> image sink.

    Args:
        codec: what decodes.
        profile: the waveform.
        out: an open sink.
        scorer: has or gets the originals, where there are any.
        on_image: called with each finished record.
        realism: 0..1 in place of what the sender wished, None to follow the sender.
        live: samples do not wait: when pictures come faster than they are decoded, the oldest
            is dropped and counted. Otherwise samples are held back.
        recorder: writes down what is heard; closed by whoever opened it.
        frames: pictures that go to the sink at most; None or 0 for all. See `enough`.
    """

    def __init__(
        self,
        codec: Decodes,
        profile: Profile,
        out: PictureSink,
        scorer: Scorer,
        on_image: Callable[[dict], None] = lambda record: None,
        realism: float | None = None,
        live: bool = True,
        recorder: Recorder | None = None,
        frames: int | None = None,
    ):
        gr.hier_block2.__init__(
            self,
            "percast receiver",
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
            gr.io_signature(0, 0, 0),
        )
        self.profile, self._means, self._on_image = profile, LinkStats(), on_image
        hold = (lambda seconds: False) if live else self._busy
        self.demodulator = OfdmDemodulator(profile, hold, recorder)
        self._frames = frames
        self.generator = ImageGenerator(codec, realism, live=live, frames=frames)
        self.sink = ImageSink(out, scorer, self._finished, live=live)
        self.percast_blocks = (self.demodulator, self.generator, self.sink)

        self.connect(self, self.demodulator)
        self.msg_connect(self.demodulator, "symbols", self.generator, "symbols")
        self.msg_connect(self.generator, "images", self.sink, "images")

    def _finished(self, record: dict) -> None:
        self._means.add(record)
        self._on_image(record)

    def _busy(self, seconds: float) -> bool:
        return self.generator.full(seconds) or self.sink.full(seconds)

    @property
    def done(self) -> Event:
        """Set when the last picture is through."""
        return self.sink.done

    @property
    def enough(self) -> bool:
        """Whether as many pictures as are wanted are through; one that was dropped is not waited
        for again, for its sender may have sent no more than that."""
        through = self.generator.given + self.generator.dropped
        return bool(self._frames) and through >= self._frames

    @property
    def dropped(self) -> int:
        return self.generator.dropped + self.sink.dropped

    def stats(self) -> ReceiverStats:
        """How it does, at any moment and from any thread."""
        means, seen = self._means, self.demodulator.receiver.stats
        return ReceiverStats(
            ReceivedImages(
                received=self.demodulator.images - self.generator.beyond,
                decoded=means.received,
                dropped=self.dropped,
                undecodable=means.undecodable,
                foreign=dict(self.generator.foreign),
                frames_per_second=means.frames_per_second(),
                latency_ms=means.latency_ms(),
                psnr_db=means.mean("psnr_db"),
                ms_ssim=means.mean("ms_ssim"),
                lpips=means.mean("lpips"),
                mismatched=self.sink.score.mismatched,
                unscored=self.sink.score.unscored,
            ),
            Sync(
                samples=seen.samples,
                bad_samples=seen.bad_samples,
                detections=seen.detections,
                packets=seen.packets,
                headers_lost=seen.headers_lost,
            ),
            Link(
                cbr=means.cbr(),
                snr_db_measured=means.mean_db("snr_db"),
                evm_db=means.mean_db("evm_db"),
                freq_offset_hz_measured=means.mean("freq_offset_hz"),
                clock_ppm_measured=means.mean("clock_ppm"),
            ),
            Waveform.of(self.profile),
            CodecInUse.of(self.generator.used, self.generator.faults, means.own_figures()),
        )

    def recordings(
        self,
        heard: Heard,
        folder: str,
        recorder: Recorder | None = None,
        ring: SampleRing | None = None,
    ) -> OnDemand:
        """Recordings of what this receiver hears, on demand; to be closed.

        Args:
            heard: what that is.
            folder: for what is begun while it runs.
            recorder: that runs already.
            ring: to fill with the past; None where that is not kept.
        """
        self.demodulator.ring = ring
        return OnDemand(heard, folder, self.demodulator.record, recorder, ring)

    def progress(self) -> object | None:
        """Changes while samples come; None while pictures are decoded or written."""
        if self.generator.idle() and self.sink.idle():
            return self.demodulator.nitems_read(0)
        return None

    def finish(self) -> None:
        """End with the samples at hand, and hold none back any more."""
        self.demodulator.finish()
