# SPDX-License-Identifier: GPL-3.0-or-later
"""The transmitting end: pictures to samples."""

from collections.abc import Callable

from gnuradio import gr

from percast.blocks.image_encoder import ImageEncoder
from percast.blocks.image_source import ImageSource
from percast.blocks.images import Picture, PictureSource
from percast.blocks.ofdm_modulator import AHEAD, OfdmModulator
from percast.blocks.stats.tree import CodecInUse, Rate, SentImages, TransmitterStats, Waveform
from percast.blocks.waveform.profile import Profile
from percast.engines.codecs.contract import Codec
from percast.flowgraphs.config import TransmitterConfig


class Transmitter(gr.hier_block2):
    """image source -> encoder -> OFDM modulator -> samples; the modulator gives the source
    credit for every picture it has sent.

    Args:
        pictures: an open source.
        codec: what encodes.
        profile: the waveform.
        on_send: called with the number and the picture when it is sent.
        config: the rest.
        ahead: seconds of samples that may wait for who takes them.
    """

    def __init__(
        self,
        pictures: PictureSource,
        codec: Codec,
        profile: Profile,
        on_send: Callable[[int, Picture], None] = lambda number, picture: None,
        config: TransmitterConfig = TransmitterConfig(),
        ahead: float = AHEAD,
    ):
        gr.hier_block2.__init__(
            self,
            "percast transmitter",
            gr.io_signature(0, 0, 0),
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
        )
        in_flight = config.share + 2
        self.source = ImageSource(pictures, config.fps, in_flight, on_send)
        self.encoder = ImageEncoder(codec, config.session, config.callsign, max(4, in_flight))
        self.profile = profile
        self.modulator = OfdmModulator(
            profile, config.tx_level, config.papr_db or None, share=config.share, ahead=ahead
        )
        self.percast_blocks = (self.source, self.encoder, self.modulator)

        self.msg_connect(self.source, "images", self.encoder, "images")
        self.msg_connect(self.encoder, "symbols", self.modulator, "symbols")
        self.msg_connect(self.modulator, "sent", self.source, "credit")
        self.connect(self.modulator, self)

    def stats(self) -> TransmitterStats:
        """How it does, at any moment and from any thread."""
        source, encoder, profile = self.source, self.encoder, self.profile
        spent = self.modulator.spent
        return TransmitterStats(
            SentImages(
                sent=source.sent - encoder.faults.total,
                unencodable=encoder.faults.total,
                skipped=source.skipped,
                dropped=source.dropped,
                session=encoder.session,
            ),
            Rate.of(
                spent.latent_symbols,
                spent.source_samples,
                spent.burst_samples * profile.occupied_fraction,
            ),
            Waveform.of(profile),
            CodecInUse.of(encoder.codec, encoder.faults),
        )

    def progress(self) -> object | None:
        """Changes while samples go; None while pictures are encoded."""
        return self.modulator.nitems_written(0) if self.encoder.idle() else None

    def finish(self) -> None:
        """Read no more pictures; what was read is still sent."""
        self.source.finish()

    def abort(self) -> None:
        """Send nothing more."""
        self.source.abort()
