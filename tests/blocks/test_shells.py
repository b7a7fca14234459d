# SPDX-License-Identifier: GPL-3.0-or-later
"""The GNU Radio blocks: messages, errors, the end of a stream."""

import threading
import time
from fractions import Fraction

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr

from percast import blocks as percast_blocks
from percast.blocks.channel import ChannelConfig
from percast.blocks.pdu import END, PictureSymbols, from_pdu, is_end, to_pdu
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.transmit import DEFAULT_TX_LEVEL
from percast.blocks.worker_block import WorkerBlock
from tests.graphs import running


class Collector(gr.basic_block):
    """Keeps pictures' symbols; `done` after the end message."""

    def __init__(self):
        gr.basic_block.__init__(self, "collector", None, None)
        self.messages, self.done = [], threading.Event()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.take)

    def take(self, message):
        if is_end(message):
            self.done.set()
        else:
            self.messages.append(PictureSymbols.from_pdu(message))


def post(block, port, *messages):
    for message in messages:
        block.to_basic_block()._post(pmt.intern(port), message)


def header(image: int, symbols: int) -> Header:
    return Header(
        session=3, image=image, packet=0, packets=1, width=64, height=64, cbr=Fraction(1, 48),
        symbols=symbols, codec=1, codec_word=32, model=b"test", design_snr_db=12.0,
        realism=128 / 255, seed=3, callsign="TEST", timestamp_us=77,
    )  # fmt: skip


def coded(image: int, symbols: np.ndarray):
    return PictureSymbols(header(image, len(symbols)), symbols).to_pdu()


def unit_symbols(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    symbols = rng.standard_normal((count, 2)).astype(np.float32).view(np.complex64).ravel()
    return symbols / np.sqrt(np.mean(np.abs(symbols) ** 2))


def test_a_pdu_comes_back_as_it_was():
    data = np.random.default_rng(0).integers(0, 256, 300_000).astype(np.uint8)
    meta = {"name": "Ä", "image": 2**31 + 5, "read_at": 1.5e9 + 0.123456, "lpips": None, "ok": True}
    back, bytes_ = from_pdu(to_pdu(meta, data.tobytes()))
    assert back == meta
    np.testing.assert_array_equal(bytes_, data)


def test_what_is_no_pdu_is_refused():
    for message in (END, pmt.from_long(3), pmt.cons(pmt.PMT_NIL, pmt.from_long(1))):
        with pytest.raises(ValueError, match="PDU"):
            from_pdu(message)


def test_a_pictures_symbols_come_back_as_they_were():
    symbols, noise = unit_symbols(300), np.full(300, np.inf, np.float32)
    figures = {"snr_db": 9.5, "lost_symbols": 3, "name": "Ä", "lpips": None}
    sent = PictureSymbols(header(7, 300), symbols, noise, figures)
    back = PictureSymbols.from_pdu(sent.to_pdu())
    assert (back.header, back.figures) == (sent.header, figures)
    np.testing.assert_array_equal(back.symbols, symbols, strict=True)
    np.testing.assert_array_equal(back.noise_var, noise, strict=True)
    assert not len(PictureSymbols.from_pdu(coded(7, symbols)).noise_var)


def test_symbols_that_do_not_fit_their_header_are_refused():
    symbols, noise = unit_symbols(300), np.ones(300, np.float32)
    for wrong in (
        PictureSymbols(header(0, 301), symbols),
        PictureSymbols(header(0, 299), symbols, noise),
        PictureSymbols(header(0, 300), symbols, noise[:-1]),
    ):
        with pytest.raises(ValueError, match="symbols"):
            PictureSymbols.from_pdu(wrong.to_pdu())
    for damaged in (to_pdu({}, b""), to_pdu({"header": "x" * 63}, b""), to_pdu({"header": 1}, b"")):
        with pytest.raises(ValueError, match="without a valid packed header"):
            PictureSymbols.from_pdu(damaged)


def run_link(
    messages, config=ChannelConfig(model="awgn", snr_db=20.0), share=1, tx_level=DEFAULT_TX_LEVEL
):
    profile = open_profile()
    graph = gr.top_block()
    modulator = percast_blocks.OfdmModulator(profile, tx_level=tx_level, share=share)
    channel = percast_blocks.ChannelModel(config, profile, tx_level)
    demodulator = percast_blocks.OfdmDemodulator(profile)
    symbols, sent = Collector(), []
    probe = blocks.message_debug()
    graph.connect(modulator, channel, demodulator)
    graph.msg_connect(demodulator, "symbols", symbols, "in")
    graph.msg_connect(modulator, "sent", probe, "store")
    post(modulator, "symbols", *messages)
    with running(graph):
        deadline = time.monotonic() + 60
        while not symbols.done.wait(0.05) and not modulator.error:
            assert time.monotonic() < deadline
    sent = [pmt.to_long(probe.get_message(i)) for i in range(probe.num_messages())]
    return modulator, symbols.messages, sent


def test_symbols_travel_through_the_graph_and_the_end_comes_last():
    pictures = [unit_symbols(n) for n in (64, 5000, 30_000)]
    _, received, sent = run_link([*(coded(i, s) for i, s in enumerate(pictures)), END])
    assert sent == [0, 1, 2]
    assert len(received) == 3
    for picture, expected in zip(received, pictures, strict=True):
        spread = 16 / np.sqrt(len(expected))  # of a measurement over so few symbols
        assert -10 * np.log10(np.mean(np.abs(picture.symbols - expected) ** 2)) > 19.3 - spread
        assert picture.noise_var.shape == picture.symbols.shape
        assert (picture.header.callsign, picture.header.timestamp_us) == ("TEST", 77)
        assert picture.header.realism == pytest.approx(0.5, abs=1e-2)
        assert picture.figures["snr_db"] == pytest.approx(20, abs=0.5)
        assert picture.figures["lost_symbols"] == 0


@pytest.mark.parametrize(
    ("tx_level", "warnings", "snr_db"), [(DEFAULT_TX_LEVEL, 0, 40), (0.0, 1, 14)]
)
def test_the_loopbacks_sender_has_a_converter_too(tx_level, warnings, snr_db, caplog):
    """What lies beyond full scale is clipped and told once; at the default level nothing does."""
    picture = unit_symbols(30_000)
    messages, config = (coded(0, picture), END), ChannelConfig(snr_db=60.0)
    _, (received,), _ = run_link(messages, config, tx_level=tx_level)
    error = np.mean(np.abs(received.symbols - picture) ** 2)
    assert -10 * np.log10(error) == pytest.approx(snr_db, abs=1)
    told = [record.message for record in caplog.records]
    assert len(told) == warnings and all("--tx-level" in text for text in told)


@pytest.mark.parametrize("share", [4, 30])
def test_small_pictures_share_a_packet_and_each_is_told(share):
    pictures = [unit_symbols(200 + (i > 3) * 100) for i in range(7)]
    messages = [*(coded(i, s) for i, s in enumerate(pictures)), END]
    modulator, received, sent = run_link(messages, share=share)
    assert sent == list(range(7))
    assert [picture.header.image for picture in received] == list(range(7))
    for picture, expected in zip(received, pictures, strict=True):
        assert np.mean(np.abs(picture.symbols - expected) ** 2) < 0.03
    assert modulator.spent.burst_samples < 0.6 * 7 * modulator.profile.packet_len(2)
    assert modulator.spent[1:] == (4 * 200 + 3 * 300, 7 * 3 * 64 * 64)


def test_a_picture_that_waits_for_others_is_told_at_once_and_has_spent_nothing():
    """Its source may wait for that word before it reads another; and it is not on the air."""
    graph = gr.top_block()
    modulator = percast_blocks.OfdmModulator(open_profile(), share=3)
    sent, sink = blocks.message_debug(), blocks.null_sink(gr.sizeof_gr_complex)
    graph.connect(modulator, sink)
    graph.msg_connect(modulator, "sent", sent, "store")
    spent = []
    with running(graph):
        for image in range(4):
            post(modulator, "symbols", coded(image, unit_symbols(200)))
            deadline = time.monotonic() + 30
            while sent.num_messages() < image + 1:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            spent.append(modulator.spent.latent_symbols)
        told = [pmt.to_long(sent.get_message(i)) for i in range(sent.num_messages())]
    assert told == [0, 1, 2, 3]
    assert spent == [0, 0, 600, 600]


def test_the_end_survives_a_clock_offset_and_fading():
    config = ChannelConfig(model="tdl-c", snr_db=25.0, clock_ppm=-150.0, freq_offset=5e3)
    _, received, _ = run_link([coded(0, unit_symbols(24_576)), END], config)
    assert len(received) == 1


def test_an_error_in_a_block_is_kept_and_the_graph_can_be_stopped():
    modulator, _, _ = run_link([to_pdu({}, b"")])
    assert isinstance(modulator.error, ValueError)


def test_messages_that_gnu_radio_still_has_fill_a_block_too():
    """A demodulator gives many small pictures at once: while some are on their way into the queue
    it must not take its first emptied place for room."""
    block = WorkerBlock("block", "in", None, depth=4)
    assert not block.full()
    post(block, "in", pmt.PMT_T)  # nobody runs the block that would take it
    assert block.full() and block.full(0.01)
    block.stop()


def test_blocks_load_gnu_radio_only_when_used():
    import subprocess
    import sys

    code = (
        "import sys, percast.blocks, percast.blocks.waveform.receive;"
        "print('gnuradio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    with pytest.raises(AttributeError):
        percast_blocks.Nothing  # noqa: B018
