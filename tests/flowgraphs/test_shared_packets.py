# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures that share packets, through the whole link."""

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import open_sink, open_source
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.profile import open_profile
from percast.flowgraphs.config import TransmitterConfig
from percast.flowgraphs.loopback import Loopback
from percast.flowgraphs.run import run
from tests.flowgraphs.ready import Ready


def test_six_small_pictures_in_two_packets(percast, small_photos):
    options = ("--source", small_photos, "--frames", 6, "--snr", 12, "--header", "short",
               "--metrics", "none", "--json")  # fmt: skip
    shared = percast("loopback", *options, "--share", 3)
    assert shared.code == 0, shared.err
    told = shared.json
    assert (told["sent"], told["received"], told["packets"], told["headers_lost"]) == (6, 6, 2, 0)
    alone = percast("loopback", *options).json
    assert (alone["packets"], alone["received"]) == (6, 6)
    assert told["overhead"] < alone["overhead"] / 2


def test_pictures_at_a_pace_share_packets(small_photos):
    air, config = ChannelConfig(snr_db=20.0), TransmitterConfig(fps=20.0, share=2)
    with Ready() as codec, open_source(str(small_photos)) as pictures:
        link = Loopback(
            pictures, codec, open_profile(), air, open_sink(None), Scorer(()), config=config
        )
        run(link, seconds=10).check()
    stats = link.stats()
    assert (stats.transmitter.images.sent, stats.receiver.sync.packets) == (6, 3)
    assert stats.transmitter.rate.overhead > 0
