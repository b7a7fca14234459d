# SPDX-License-Identifier: GPL-3.0-or-later
"""Transmitter, channel model and receiver in one GNU Radio process."""

from collections.abc import Callable
from dataclasses import dataclass

from gnuradio import gr

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel_model import ChannelModel
from percast.blocks.image_encoder import ImageEncoder
from percast.blocks.image_generator import ImageGenerator
from percast.blocks.image_sink import ImageSink
from percast.blocks.image_source import ImageSource
from percast.blocks.images import ImageSink as OpenSink
from percast.blocks.images import ImageSource as OpenSource
from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.ofdm_modulator import DEFAULT_TX_LEVEL, OfdmModulator
from percast.blocks.scoring import Scorer
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB
from percast.engines.codec import Codec


@dataclass(frozen=True)
class LoopbackConfig:
    """Settings of the graph that are not objects of their own.

    Args:
        fps: pictures per second, None for as fast as the link goes.
        realism: 0..1 at the receiver, None to follow the sender.
        tx_level: mean power of a burst, dB relative to full scale.
        papr_db: envelope limit of clip-and-filter, None for none.
        callsign: sent in every header.
        session: number of the run.
    """

    fps: float | None = None
    realism: float | None = None
    tx_level: float = DEFAULT_TX_LEVEL
    papr_db: float | None = DEFAULT_PAPR_DB
    callsign: str = ""
    session: int | None = None


class Loopback(gr.top_block):
    """image source -> encoder -> OFDM modulator -> channel -> OFDM demodulator -> generator
    -> image sink; the modulator gives the source credit for every picture it has sent."""

    def __init__(
        self,
        pictures: OpenSource,
        codec: Codec,
        profile: Profile,
        channel: ChannelConfig,
        out: OpenSink,
        scorer: Scorer,
        on_image: Callable[[dict], None] = lambda record: None,
        config: LoopbackConfig = LoopbackConfig(),
    ):
        gr.top_block.__init__(self, "percast loopback", catch_exceptions=False)
        self.source = ImageSource(
            pictures, config.fps, on_send=lambda n, p: scorer.remember(n, p.name, p.rgb)
        )
        self.encoder = ImageEncoder(codec, config.session, config.callsign)
        self.modulator = OfdmModulator(profile, config.tx_level, config.papr_db)
        self.channel = ChannelModel(channel, profile, config.tx_level)
        self.demodulator = OfdmDemodulator(profile, hold=self._receiver_busy)
        self.generator = ImageGenerator(codec, config.realism)
        self.sink = ImageSink(out, scorer, on_image)

        self.msg_connect(self.source, "images", self.encoder, "images")
        self.msg_connect(self.encoder, "symbols", self.modulator, "symbols")
        self.msg_connect(self.modulator, "sent", self.source, "credit")
        self.connect(self.modulator, self.channel, self.demodulator)
        self.msg_connect(self.demodulator, "symbols", self.generator, "symbols")
        self.msg_connect(self.generator, "images", self.sink, "images")

    def _receiver_busy(self) -> bool:
        return self.generator.full() or self.sink.full()

    @property
    def percast_blocks(self) -> tuple:
        return (
            self.source, self.encoder, self.modulator, self.channel,
            self.demodulator, self.generator, self.sink,
        )  # fmt: skip

    @property
    def done(self):
        """Event: the last picture is through."""
        return self.sink.done

    def finish(self) -> None:
        """Read no more pictures; what is on its way still arrives."""
        self.source.finish()

    def abort(self) -> None:
        """Let nothing wait any more, so that the graph can be stopped."""
        self.source.finish()
        self.demodulator.finish()
