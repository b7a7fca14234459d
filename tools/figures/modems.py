# SPDX-License-Identifier: GPL-3.0-or-later
"""The two modems that `benchmark modem` compares, each as one flowgraph with AWGN in the middle."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import analog, blocks, digital, gr

from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.ofdm_modulator import OfdmModulator
from percast.blocks.pdu import END, PictureSymbols, is_end
from percast.blocks.waveform.profile import open_profile
from percast.tools.figures.traffic import header_of, latents

SYMBOLS = 4096
_STOCK_FFT, _STOCK_OCCUPIED = 64, 52  # the defaults of gr-digital's ofdm_txrx.py
_STOCK_BYTES = SYMBOLS * 2 // 8 - 4  # QPSK, less the CRC-32 that ofdm_tx adds
_STOCK_BUFFER = 1 << 17  # frames, and longer ones that a damaged header claims, must fit
_TAG = "packet_len"
_AIR_BUFFER = 1 << 15  # samples that may wait behind the noise, for either modem


@dataclass(frozen=True)
class ModemRun:
    """One run: frames received, samples and symbols that went through, seconds by the clock and of
    processor time, of all threads."""

    received: int
    samples: int
    symbols: int
    seconds: float
    cpu_seconds: float

    def rate(self, of: str, per: str) -> float:
        """Samples or symbols by one kind of seconds."""
        return getattr(self, of) / getattr(self, per)


class _Counter(gr.basic_block):
    """Counts messages until the end message."""

    def __init__(self):
        gr.basic_block.__init__(self, "counter", None, None)
        self.count, self.done = 0, threading.Event()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._take)

    def _take(self, message) -> None:
        if is_end(message):
            self.done.set()
        else:
            self.count += 1


def _air(noise: float) -> tuple:
    """A source of noise of that RMS amplitude, and what adds it."""
    source, add = analog.fastnoise_source_c(analog.GR_GAUSSIAN, noise, 1), blocks.add_cc()
    for block in (source, add):
        block.set_min_output_buffer(_AIR_BUFFER)
    return source, add


def run_percast(frames: int, snr_db: float) -> ModemRun:
    """`frames` pictures of `SYMBOLS` Gaussian symbols through `OfdmModulator`, noise and
    `OfdmDemodulator`. They are designed for that SNR, so their headers are short from 10 dB on."""
    profile = open_profile()
    latent = latents(np.random.default_rng(0), SYMBOLS)
    noise = np.sqrt(1 / profile.occupied_fraction / 10 ** (snr_db / 10))

    graph = gr.top_block()
    modulator, demodulator = OfdmModulator(profile, tx_level=0), OfdmDemodulator(profile)
    source, add = _air(noise)
    counter = _Counter()
    graph.connect(modulator, (add, 0))
    graph.connect(source, (add, 1))
    graph.connect(add, demodulator)
    graph.msg_connect(demodulator, "symbols", counter, "in")

    port = pmt.intern("symbols")
    for i in range(frames):
        header = header_of(i, SYMBOLS, snr_db)
        picture = PictureSymbols(header, latent)
        modulator.to_basic_block()._post(port, picture.to_pdu())
    modulator.to_basic_block()._post(port, END)

    start, cpu = time.perf_counter(), time.process_time()
    graph.start()
    counter.done.wait(600)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    graph.stop()
    graph.wait()
    samples = demodulator.receiver.stats.samples
    return ModemRun(counter.count, samples, frames * SYMBOLS, seconds, cpu)


def _stock_transmitter(frames: int) -> list:
    payload = np.random.default_rng(0).integers(0, 256, _STOCK_BYTES).astype(np.uint8)
    transmitter = digital.ofdm_tx(packet_length_tag_key=_TAG, bps_payload=2, scramble_bits=True)
    transmitter.set_min_output_buffer(_STOCK_BUFFER)
    return [
        blocks.vector_source_b(payload.tolist(), True),
        blocks.head(1, _STOCK_BYTES * frames),
        blocks.stream_to_tagged_stream(1, 1, _STOCK_BYTES, _TAG),
        transmitter,
    ]


def _stock_power() -> float:
    """Mean power of what `ofdm_tx` sends; it does not scale its transforms."""
    graph, sink = gr.top_block(), blocks.vector_sink_c()
    graph.connect(*_stock_transmitter(3), sink)
    graph.run()
    return float(np.mean(np.abs(sink.data()) ** 2))


def run_stock(frames: int, snr_db: float) -> ModemRun:
    """The same number of QPSK symbols through gr-digital's `ofdm_tx` and `ofdm_rx`."""
    noise = np.sqrt(_stock_power() * _STOCK_FFT / _STOCK_OCCUPIED / 10 ** (snr_db / 10))
    graph = gr.top_block()
    source, add = _air(noise)
    # The transmitter's tags would tell the receiver where frames are.
    gate = blocks.tag_gate(gr.sizeof_gr_complex, False)
    receiver = digital.ofdm_rx(packet_length_tag_key=_TAG, bps_payload=2, scramble_bits=True)
    receiver.set_min_output_buffer(_STOCK_BUFFER)
    sink = blocks.vector_sink_b()
    graph.connect(*_stock_transmitter(frames), (add, 0))
    graph.connect(source, (add, 1))
    graph.connect(add, gate, receiver, sink)

    start, cpu = time.perf_counter(), time.process_time()
    graph.run()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    received = len(sink.data()) // _STOCK_BYTES
    return ModemRun(received, gate.nitems_written(0), frames * SYMBOLS, seconds, cpu)
