# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of figures, taken while a link runs."""

import json
from dataclasses import asdict
from fractions import Fraction

import pytest

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import open_sink, open_source
from percast.blocks.stats.scoring import Scorer
from percast.blocks.waveform.profile import open_profile
from percast.engines.codecs.learned import LearnedCodec
from percast.flowgraphs.loopback import Loopback
from percast.flowgraphs.run import run


@pytest.fixture
def loopback(small_photos):
    """Makes a loopback of six pictures: (on_image) -> graph."""
    with LearnedCodec("base", Fraction(1, 48)) as codec, open_source(str(small_photos)) as pictures:
        yield lambda on_image: Loopback(
            pictures, codec, open_profile(), ChannelConfig(snr_db=10.0), open_sink(None),
            Scorer(("psnr",)), on_image,
        )  # fmt: skip


def test_figures_are_there_from_the_start_and_follow_the_pictures(loopback):
    taken = []
    graph = loopback(lambda record: taken.append(graph.stats()))  # in the thread of the sink
    before = graph.stats()
    run(graph).check()
    end = graph.stats()

    assert before.transmitter.images.sent == before.receiver.images.received == 0
    assert before.transmitter.rate.cbr is None and before.receiver.link.snr_db_measured is None
    assert before.receiver.images.latency_ms == {"p50": None, "p99": None}
    assert [stats.receiver.images.decoded for stats in taken] == [1, 2, 3, 4, 5, 6]
    for stats in (before, *taken, end):
        json.dumps(asdict(stats), allow_nan=False)

    sent, received = end.transmitter, end.receiver
    assert sent.images.sent == received.images.received == received.images.decoded == 6
    assert sent.rate.cbr == pytest.approx(1 / 48) == received.link.cbr
    assert sent.rate.overhead > 0
    assert received.sync.packets == 6  # where noise stops at the end one more may be detected
    assert 6 <= received.sync.detections <= 7
    assert received.sync.headers_lost == 0 and received.sync.samples > 6 * 1000
    assert received.link.snr_db_measured == pytest.approx(10, abs=1)
    assert received.images.psnr_db > 15 and received.images.lpips is None
    assert sent.waveform == received.waveform and sent.waveform.samp_rate == 4e6
    assert sent.codec.model == received.codec.model == "base"
    assert sent.radio is None and received.radio is None


def test_what_was_taken_does_not_change(loopback):
    taken = []
    graph = loopback(lambda record: taken.append(graph.stats()))
    graph.receiver.generator.foreign["another model"] = 1
    run(graph).check()
    graph.receiver.generator.foreign["a third"] = 1
    assert taken[-1].receiver.images.foreign == {"another model": 1}
