# SPDX-License-Identifier: GPL-3.0-or-later
"""Transmitter, channel model and receiver in one GNU Radio process.

image source -> encoder -> OFDM modulator -> channel -> OFDM demodulator -> generator -> image sink
|______________ Transmitter ____________|             |________________ Receiver ________________|
"""

from collections.abc import Callable

from gnuradio import gr

from percast.blocks.channel import ChannelConfig
from percast.blocks.channel_model import ChannelModel
from percast.blocks.images import Picture, PictureSink, PictureSource
from percast.blocks.stats.scoring import Scorer
from percast.blocks.stats.tree import LoopbackStats
from percast.blocks.waveform.profile import Profile
from percast.engines.codecs.contract import Codec
from percast.flowgraphs.config import TransmitterConfig
from percast.flowgraphs.receiver import Receiver
from percast.flowgraphs.transmitter import Transmitter


class Loopback(gr.top_block):
    """transmitter -> channel model -> receiver.

    Nothing is dropped between them: a slow generator holds the samples back, and so the sender.

    Args:
        pictures, out: open source and sink.
        codec: at both ends.
        profile: the waveform.
        channel: the channel.
        scorer: compares what arrives with what was sent.
        on_image: called with each finished record.
        realism: 0..1 at the receiver, None to follow the sender.
        config: of the transmitter.
    """

    def __init__(
        self,
        pictures: PictureSource,
        codec: Codec,
        profile: Profile,
        channel: ChannelConfig,
        out: PictureSink,
        scorer: Scorer,
        on_image: Callable[[dict], None] = lambda record: None,
        realism: float | None = None,
        config: TransmitterConfig = TransmitterConfig(),
    ):
        gr.top_block.__init__(self, "percast loopback", catch_exceptions=False)

        def remember(number: int, picture: Picture) -> None:
            scorer.remember(number, picture.name, picture.rgb)

        # No radio waits for samples; those that wait for a model are only latency.
        self.transmitter = Transmitter(pictures, codec, profile, remember, config, ahead=0)
        self.channel = ChannelModel(channel, profile, config.tx_level)
        self.receiver = Receiver(codec, profile, out, scorer, on_image, realism, live=False)

        self.connect(self.transmitter, self.channel, self.receiver)

    @property
    def percast_blocks(self) -> tuple:
        return (*self.transmitter.percast_blocks, self.channel, *self.receiver.percast_blocks)

    def stats(self) -> LoopbackStats:
        """How both ends do, at any moment and from any thread."""
        return LoopbackStats(self.transmitter.stats(), self.receiver.stats())

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the last picture to be through."""
        return self.receiver.done.wait(timeout)

    def progress(self) -> object | None:
        """Changes while anything moves; None while pictures are coded or written."""
        ends = self.transmitter.progress(), self.receiver.progress()
        return None if None in ends else ends

    def finish(self) -> None:
        """Read no more pictures; what is on its way still arrives."""
        self.transmitter.finish()

    def abort(self) -> None:
        """Let nothing wait any more, so that the graph can be stopped."""
        self.transmitter.abort()
        self.receiver.finish()
