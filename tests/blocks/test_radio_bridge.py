# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples between a link and a radio that runs in a graph of its own."""

import time

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.pdu import END, PACKET_LEN
from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.receive_bridge import SampleInlet, SampleTap
from percast.blocks.stats.level_meter import LevelMeter
from percast.blocks.transmit_bridge import AsyncMessages, PacketFeeder, PacketOutlet
from percast.blocks.waveform.transmit import DEFAULT_TX_LEVEL, modulate
from tests.blocks.waveform.conftest import Link
from tests.graphs import running


def packet(number: int, length: int = 5000) -> np.ndarray:
    return np.full(length, number + 1, np.complex64)


def run_briefly(graph: gr.top_block, done, seconds: float = 10, chunk: int = 100_000) -> None:
    deadline = time.monotonic() + seconds
    with running(graph, chunk):
        while not done() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert done()


def tag(offset: int, length: int) -> gr.tag_t:
    made = gr.tag_t()
    made.offset, made.key, made.value = offset, PACKET_LEN, pmt.from_long(length)
    return made


def test_a_radio_without_bursts_gets_zeros_between_packets_and_none_within():
    queue = SampleQueue(1 << 20)
    feeder, head = PacketFeeder(queue, bursts=False), blocks.head(gr.sizeof_gr_complex, 400_000)
    sink = blocks.vector_sink_c()
    throttle = blocks.throttle(gr.sizeof_gr_complex, 1e6)
    graph = gr.top_block()
    graph.connect(feeder, throttle, head, sink)
    graph.start()
    for i in range(5):
        time.sleep(0.03)
        queue.put(packet(i))
    graph.wait()
    samples = np.array(sink.data())
    sent = samples[samples != 0]
    np.testing.assert_array_equal(sent, np.concatenate([packet(i) for i in range(5)]))
    # Each packet in one piece: its samples lie side by side.
    for i in range(5):
        places = np.flatnonzero(samples == i + 1)
        assert places[-1] - places[0] == len(places) - 1
    assert samples[0] == 0 and len(sent) < len(samples)


def test_a_radio_with_bursts_gets_tagged_packets_and_nothing_else():
    queue = SampleQueue(1 << 20)
    feeder, sink = PacketFeeder(queue, bursts=True), blocks.vector_sink_c()
    graph = gr.top_block()
    graph.connect(feeder, sink)
    for i in range(3):
        queue.put(packet(i, 3000 + i))
    run_briefly(graph, lambda: len(sink.data()) >= 9003)
    np.testing.assert_array_equal(
        np.array(sink.data()), np.concatenate([packet(i, 3000 + i) for i in range(3)])
    )
    assert [(t.offset, pmt.to_long(t.value)) for t in sink.tags()] == [
        (0, 3000),
        (3000, 3001),
        (6001, 3002),
    ]


@pytest.mark.parametrize("keep_silence", [False, True])
def test_packets_are_handed_over_whole_however_they_come(keep_silence):
    silence = np.zeros(700, np.complex64)
    stream = np.concatenate([silence, packet(0), packet(1), silence, packet(2), silence])
    tags = [tag(700, 5000), tag(5700, 5000), tag(11400, 5000)]
    queue = SampleQueue(1 << 20)
    outlet = PacketOutlet(queue, keep_silence)
    source = blocks.vector_source_c(stream, False, 1, tags)
    graph = gr.top_block()
    graph.connect(source, outlet)
    run_briefly(graph, lambda: outlet.nitems_read(0) == len(stream), chunk=977)
    taken = []
    while (samples := queue.take()) is not None:
        taken.append(samples)
    packets = [x for x in taken if x.any()]
    assert [len(x) for x in packets] == [5000] * 3
    silent = sum(len(x) for x in taken if not x.any())
    assert silent == (2100 if keep_silence else 0)


@pytest.mark.parametrize(("tx_level", "warnings"), [(DEFAULT_TX_LEVEL, 0), (-6.0, 1), (0.0, 1)])
def test_a_level_that_a_converter_clips_is_told_once(tx_level, warnings, caplog):
    link = Link()
    header = link.header(image=0, symbols=14000)
    symbols = complex_noise(link.rng, 14000)
    scale = np.float32(10 ** (tx_level / 20))
    packets = [scale * x for x in modulate(link.profile, header, symbols)]
    starts = np.cumsum([0, *map(len, packets)])
    tags = [tag(int(start), len(x)) for start, x in zip(starts, packets, strict=False)]
    outlet = PacketOutlet(SampleQueue(1 << 20), keep_silence=False)
    graph = gr.top_block()
    source = blocks.vector_source_c(np.concatenate(packets), False, 1, tags)
    graph.connect(source, outlet)
    graph.run()
    told = [record.message for record in caplog.records]
    assert len(packets) == 2 and len(told) == warnings
    assert all("--tx-level" in text for text in told)


def test_a_full_queue_holds_the_transmitter_back_and_loses_nothing():
    queue = SampleQueue(6000)
    outlet = PacketOutlet(queue, keep_silence=False)
    stream = np.concatenate([packet(i) for i in range(6)])
    tags = [tag(5000 * i, 5000) for i in range(6)]
    graph = gr.top_block()
    source = blocks.vector_source_c(stream, False, 1, tags)
    graph.connect(source, outlet)
    with running(graph):
        deadline = time.monotonic() + 30
        while not queue.waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert queue.waiting == 5000
        got = [queue.take(30) for _ in range(6)]
    np.testing.assert_array_equal(np.concatenate(got), stream)


def test_a_receiver_that_is_too_slow_costs_samples_which_are_counted():
    queue = SampleQueue(50_000)
    tap = SampleTap(queue, LevelMeter())
    graph = gr.top_block()
    source = blocks.vector_source_c(np.ones(40 * 4096, np.complex64), False)
    graph.connect(source, tap)
    graph.run(8192)  # in pieces of so many at most; does not wait for anybody
    assert tap.overruns == 1  # a smaller piece is not taken where a larger one was dropped
    assert 0 < tap.dropped == tap.nitems_read(0) - queue.waiting and queue.waiting <= 50_000


def test_time_tags_of_a_usrp_are_counted():
    mark = gr.tag_t()
    mark.key = pmt.intern("rx_time")
    mark.offset = 5000
    tap = SampleTap(SampleQueue(1 << 20), LevelMeter())
    graph = gr.top_block()
    source = blocks.vector_source_c(np.zeros(4 * 4096, np.complex64), False, 1, [mark])
    graph.connect(source, tap)
    graph.run()
    assert tap.time_tags == 1


def test_the_end_of_the_queue_is_the_end_of_the_stream():
    queue = SampleQueue(1 << 20)
    inlet, sink = SampleInlet(queue), blocks.vector_sink_c()
    graph = gr.top_block()
    graph.connect(inlet, sink)
    queue.put(packet(0))
    queue.put(packet(1))
    queue.end()
    run_briefly(graph, lambda: len(sink.data()) >= 10_001)
    (last,) = sink.tags()
    assert last.offset == 10_000 and pmt.eq(last.key, END)


def test_what_a_usrp_reports_beside_the_stream_is_counted():
    counter = AsyncMessages()
    for name in ("underflow", "underflow_in_packet", "time_error", "seq_error", "burst_ack"):
        events = pmt.dict_add(
            pmt.make_dict(), pmt.intern("event_code"), pmt.list1(pmt.intern(name))
        )
        counter._take(pmt.cons(pmt.intern("uhd_async_msg"), events))
    assert (counter.underruns, counter.late, counter.sequence_errors) == (2, 1, 1)
    assert counter.error is None


def test_the_level_is_that_of_the_packets_without_the_radios_dc_offset():
    rng = np.random.default_rng(0)
    meter = LevelMeter()
    noise = rng.standard_normal(80_000)
    burst = (noise[::2] + 1j * noise[1::2]).astype(np.complex64) * np.float32(0.1 / np.sqrt(2))
    for _ in range(9):
        meter.push(np.full(len(burst), 0.03, np.complex64))
    meter.push(burst + np.complex64(0.03))
    level = meter.total()
    assert level.loudest_dbfs == pytest.approx(-20, abs=0.7)
    assert level.mean_dbfs == pytest.approx(10 * np.log10(0.1 * 0.01 + 0.0009), abs=0.3)
    assert level.clipped_share == 0


def test_clipping_is_measured_since_the_last_look():
    meter = LevelMeter()
    meter.push(np.full(40_000, 1 + 0.1j, np.complex64))
    assert meter.recent().clipped_share == 0.5
    meter.push(np.full(40_000, 0.1, np.complex64))
    assert meter.recent().clipped_share == 0 and meter.total().clipped_share == 0.25
