# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples that are lost on their way from the radio: what is known of the place reaches whoever
demodulates, live and from a recording."""

import json
import time

import numpy as np
import pmt
from gnuradio import blocks, gr

from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.pdu import END, GAP, RX_TIME, PictureSymbols, is_end
from percast.blocks.queues.sample_queue import SampleQueue
from percast.blocks.receive_bridge import SampleInlet, SampleTap
from percast.blocks.recording_source import RecordingSource
from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.ring import SampleRing
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.stats.level_meter import LevelMeter
from tests.blocks.waveform.conftest import Link
from tests.graphs import running

LOST = 5000  # samples
AT = 9000  # within the first picture


def heard_with_a_gap() -> tuple[Link, np.ndarray]:
    """Three pictures in noise, of which samples are missing at `AT`; whole pieces of the tap's."""
    link = Link()
    sent = np.concatenate([link.burst(i, 8192) for i in range(3)])
    sent = np.pad(sent, (0, -(len(sent) - LOST) % 4096))
    sent = (0.1 * (sent + link.noise(len(sent), 20))).astype(np.complex64)
    return link, np.delete(sent, np.s_[AT : AT + LOST])


def tag(key: pmt.pmt_base, offset: int) -> gr.tag_t:
    made = gr.tag_t()
    made.offset, made.key = offset, key
    made.value = pmt.make_tuple(pmt.from_uint64(12), pmt.from_double(0.5))
    return made


def hear(queue: SampleQueue, samples: np.ndarray, *tags: gr.tag_t) -> None:
    """As a radio gives them."""
    graph, tap = gr.top_block(), SampleTap(queue, LevelMeter())
    source = blocks.vector_source_c(samples, False, 1, tags)
    graph.connect(source, tap)
    graph.run()


def drain(queue: SampleQueue) -> list[tuple[int, bool]]:
    """Of everything that waits: how many samples, and whether some are missing before them."""
    taken = []
    while (item := queue.take_with_gap()) is not None:
        taken.append((len(item[0]), item[1] is not None))
    return taken


def demodulated(source, recorder=None, ring=None) -> list[PictureSymbols]:
    """The pictures of a source that ends."""
    demodulator, probe = OfdmDemodulator(Link().profile, recorder=recorder), blocks.message_debug()
    demodulator.ring = ring
    graph = gr.top_block()
    graph.connect(source, demodulator)
    graph.msg_connect(demodulator, "symbols", probe, "store")
    with running(graph):
        deadline = time.monotonic() + 60
        while not (count := probe.num_messages()) or not is_end(probe.get_message(count - 1)):
            assert time.monotonic() < deadline and demodulator.error is None
            time.sleep(0.01)
    return [PictureSymbols.from_pdu(probe.get_message(i)) for i in range(count - 1)]


def test_a_gap_costs_what_was_lost_and_no_other_picture_live_and_replayed(tmp_path):
    link, samples = heard_with_a_gap()
    queue = SampleQueue(1 << 20)
    hear(queue, samples, tag(RX_TIME, 0), tag(RX_TIME, AT))
    queue.end()
    path, ring = tmp_path / "heard.sigmf-meta", SampleRing(1 << 20)
    recorder = Recorder(RecordingWriter(path, 4e6, 2.4e9), link.profile)
    live = demodulated(SampleInlet(queue), recorder, ring)
    assert recorder.close() is None

    assert [picture.header.image for picture in live] == [0, 1, 2]
    lost = [picture.figures["lost_symbols"] for picture in live]
    assert 1000 < lost[0] < 7000 and lost[1:] == [0, 0]
    for picture in live:
        assert np.mean(picture.noise_var[np.isfinite(picture.noise_var)]) < 0.013
        assert abs(picture.figures["clock_ppm"]) < 5

    meta = json.loads(path.read_text())
    assert [c["core:sample_start"] for c in meta["captures"]] == [0, AT]
    assert [c.get("percast:gap") for c in meta["captures"]] == [None, True]
    assert meta["captures"][1]["core:frequency"] == 2.4e9
    assert [(c.start, c.gap) for c in ring.last(1 << 20).captures] == [(0, False), (AT, True)]
    first = meta["annotations"][0]
    assert first["core:sample_start"] + first["core:sample_count"] == AT
    again = demodulated(RecordingSource(open_recording(path)))
    for a, b in zip(live, again, strict=True):
        np.testing.assert_array_equal(a.symbols, b.symbols)
        np.testing.assert_array_equal(a.noise_var, b.noise_var)


def test_a_usrp_in_the_same_graph_tells_its_gaps_too():
    _, samples = heard_with_a_gap()
    end = tag(END, len(samples) - 1)
    pictures = demodulated(blocks.vector_source_c(samples, False, 1, [tag(RX_TIME, AT), end]))
    assert [picture.header.image for picture in pictures] == [0, 1, 2]


def test_the_queue_is_told_where_a_usrp_lost_samples_and_where_a_radio_came_back():
    queue = SampleQueue(1 << 20)
    hear(queue, np.ones(3 * 4096, np.complex64), tag(RX_TIME, 5000))
    hear(queue, np.ones(4096, np.complex64))  # it was opened again
    places, taken = [], 0
    for count, gap in drain(queue):
        places += [taken] * gap
        taken += count
    assert places == [0, 5000, 3 * 4096]


def test_samples_that_come_after_dropped_ones_carry_the_gap(monkeypatch):
    queue = SampleQueue(8192)
    tap = SampleTap(queue, LevelMeter())
    put = queue.put
    rooms = iter([True, True, False, False, True, True])
    monkeypatch.setattr(queue, "put", lambda x, **kw: next(rooms) and put(x, **kw))
    for _ in range(6):
        tap._put(np.ones(10, np.complex64))
    assert [gap for _, gap in drain(queue)] == [True, False, True, False]
    assert (tap.overruns, tap.dropped) == (1, 20)


def test_a_receiver_that_is_too_slow_loses_samples_in_few_long_pieces():
    """For packets that are whole between them."""
    queue, taken = SampleQueue(100 * 1000), []
    tap = SampleTap(queue, LevelMeter())
    for i in range(2000):
        tap._put(np.ones(1000, np.complex64))
        if i % 2:
            taken.append(queue.take_with_gap()[1] is not None)
    assert 0.4 < tap.dropped / 2_000_000 < 0.5
    assert sum(taken[1:]) < 40 and tap.overruns < 40


def test_the_inlet_tags_the_first_sample_after_a_gap_with_its_time():
    queue, sink, graph = SampleQueue(1 << 20), blocks.vector_sink_c(), gr.top_block()
    inlet = SampleInlet(queue)
    graph.connect(inlet, sink)
    queue.put(np.ones(3000, np.complex64))
    queue.put(np.ones(70_000, np.complex64), gap=1e9 + 0.25)
    queue.end()
    with running(graph):
        deadline = time.monotonic() + 30
        while len(sink.data()) < 73_001 and time.monotonic() < deadline:
            time.sleep(0.01)
    (gap,) = [t for t in sink.tags() if pmt.eq(t.key, GAP)]
    assert gap.offset == 3000 and pmt.to_double(gap.value) == 1e9 + 0.25
