# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings that are begun while a receiver runs, and the past."""

import json
from datetime import datetime

import numpy as np
import pytest

from percast.blocks.recordings import on_demand
from percast.blocks.recordings.config import MOST_KEPT, RecordingConfig
from percast.blocks.recordings.on_demand import Heard, OnDemand
from percast.blocks.recordings.ring import BLOCK, SampleRing
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.receive import UnreadPacket
from percast.errors import FileError, UsageError
from percast.settings import SettingError

PROFILE = open_profile("standard-4m")


class Demodulator:
    """Does with a recorder what the block does."""

    def __init__(self, ring=None):
        self.recorder, self.ring, self.heard = None, ring, 0

    def record(self, recorder) -> None:
        if recorder is not None:
            recorder.first = self.heard
        self.recorder = recorder

    def hear(self, samples: np.ndarray) -> None:
        self.heard += len(samples)
        for keeper, take in ((self.recorder, "write"), (self.ring, "put")):
            if keeper is not None:
                getattr(keeper, take)(samples)

    def note(self, start: int) -> None:
        packet = UnreadPacket(PROFILE, 0.0, start + PROFILE.long_guard + PROFILE.short_len)
        for keeper in (self.recorder, self.ring):
            if keeper is not None:
                keeper.note(packet)


def counted(first: int, count: int) -> np.ndarray:
    """Samples that tell their number."""
    return np.arange(first, first + count).astype(np.complex64)


def read(path) -> tuple[np.ndarray, dict]:
    data = path.with_name(path.name.replace("-meta", "-data"))
    return np.fromfile(data, np.complex64), json.loads(path.read_text())


def test_a_recording_holds_what_came_between_start_and_stop_and_its_packets_in_place(tmp_path):
    demodulator = Demodulator()
    freqs = iter((1e9, 2e9))
    recordings = OnDemand(Heard(PROFILE, lambda: next(freqs)), tmp_path / "new", demodulator.record)
    demodulator.hear(counted(0, 1000))
    path = recordings.start()
    assert recordings.path == path
    with pytest.raises(UsageError, match="already"):
        recordings.start()
    demodulator.hear(counted(1000, 5000))
    demodulator.note(1200)
    recordings.capture(3000, 2.5e9)
    assert recordings.stop() == path and recordings.path is None
    demodulator.hear(counted(6000, 10))
    samples, meta = read(path)
    assert np.array_equal(samples, counted(1000, 5000))
    assert [a["core:sample_start"] for a in meta["annotations"]] == [200]
    assert [(c["core:sample_start"], c["core:frequency"]) for c in meta["captures"]] == [
        (0, 1e9), (2000, 2.5e9),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="nothing"):
        recordings.stop()
    assert recordings.start() != path  # nothing is written over
    assert recordings.close() is None


@pytest.mark.parametrize("chunk", [7_000, BLOCK, 3 * BLOCK + 5])
def test_the_ring_gives_the_newest_samples_and_holds_little_more(chunk):
    ring, at = SampleRing(3 * BLOCK), 0
    for _ in range(60):
        ring.put(counted(at, chunk))
        at += chunk
        kept = ring.last(10**9)
        assert kept.first + len(kept) == at
        assert min(at, ring.capacity) <= len(kept) or len(kept) == ring.capacity
        assert sum(map(len, ring._whole)) <= ring.capacity + BLOCK
        if at > 10 * BLOCK:
            break
    few = ring.last(1000)
    assert np.array_equal(np.concatenate(few.blocks), counted(at - 1000, 1000))


def test_the_past_is_saved_with_packets_and_frequencies_where_they_were(tmp_path):
    ring = SampleRing(2 * BLOCK)
    demodulator = Demodulator(ring)
    recordings = OnDemand(Heard(PROFILE, lambda: 1e9), tmp_path, demodulator.record, ring=ring)
    with pytest.raises(UsageError, match="nothing was heard"):
        recordings.save(1)
    for first in range(0, 10 * BLOCK, 10_000):
        demodulator.hear(counted(first, 10_000))
        demodulator.note(first)
        if first == 500_000:
            recordings.capture(first, 2e9)
    total = demodulator.heard
    path, seconds = recordings.save(50_000 / PROFILE.samp_rate)
    assert seconds == 50_000 / PROFILE.samp_rate
    samples, meta = read(path)
    assert np.array_equal(samples, counted(total - 50_000, 50_000))
    assert [a["core:sample_start"] for a in meta["annotations"]] == list(range(0, 50_000, 10_000))
    assert [c["core:frequency"] for c in meta["captures"]] == [2e9]
    path, seconds = recordings.save(3600)
    everything, _ = read(path)
    assert len(everything) == ring.capacity == round(seconds * PROFILE.samp_rate)


def dates(meta: dict) -> list[float]:
    return [datetime.fromisoformat(c["core:datetime"]).timestamp() for c in meta["captures"]]


def test_the_past_is_dated_as_it_was_heard_whatever_was_missing_between(tmp_path, monkeypatch):
    """Half a second, an outage of 4 s, half a second; and 3 s later somebody asks."""
    now, half = [1e9], int(PROFILE.samp_rate / 2)
    monkeypatch.setattr("time.time", lambda: now[0])
    ring = SampleRing(4 * half)
    demodulator = Demodulator(ring)
    recordings = OnDemand(Heard(PROFILE, lambda: 1e9), tmp_path, demodulator.record, ring=ring)
    now[0] += 10.5  # a radio takes its time to start, and samples come as they are heard
    demodulator.hear(counted(0, half))
    recordings.capture(half, 2e9)  # told before its samples come, as a station does
    now[0] += 4
    ring.capture(half, None, now[0], gap=True)
    now[0] += 0.5
    demodulator.hear(counted(half, half))
    now[0] += 3
    _, meta = read(recordings.save(3600)[0])
    assert dates(meta) == pytest.approx([1e9 + 10, 1e9 + 14.5], abs=1e-3)
    assert [c["core:frequency"] for c in meta["captures"]] == [1e9, 2e9]
    assert [c.get("percast:gap") for c in meta["captures"]] == [None, True]
    _, meta = read(recordings.save(0.25)[0])
    assert dates(meta) == pytest.approx([1e9 + 14.75], abs=1e-3)
    _, meta = read(recordings.save(0.75)[0])  # begins before the outage
    assert dates(meta) == pytest.approx([1e9 + 10.25, 1e9 + 14.5], abs=1e-3)


def test_every_gap_of_the_past_is_saved_and_the_frequency_however_many_there_are(tmp_path):
    ring = SampleRing(3 * BLOCK)
    demodulator = Demodulator(ring)
    recordings = OnDemand(Heard(PROFILE, lambda: 1e9), tmp_path, demodulator.record, ring=ring)
    for first in range(0, 8 * BLOCK, 1000):
        demodulator.hear(counted(first, 1000))
        ring.capture(first + 1000, None, gap=True)
    samples, meta = read(recordings.save(3600)[0])
    assert len(samples) == ring.capacity
    begin = int(samples[0].real)
    starts = [c["core:sample_start"] for c in meta["captures"]]
    gaps = range(-(begin + 1) // 1000 * -1000, demodulator.heard, 1000)
    assert starts == [0, *(gap - begin for gap in gaps if gap > begin)]
    assert {c["core:frequency"] for c in meta["captures"]} == {1e9}
    assert len(ring._captures) < 4 * BLOCK / 1000 + 2  # none is kept for nothing


def test_without_a_ring_there_is_no_past(tmp_path):
    recordings = OnDemand(Heard(PROFILE), tmp_path, lambda recorder: None)
    with pytest.raises(UsageError, match="--keep-seconds"):
        recordings.save(1)
    assert RecordingConfig().ring(PROFILE) is None


def test_what_would_fill_the_memory_is_refused():
    most = MOST_KEPT / 8 / PROFILE.samp_rate
    assert RecordingConfig(keep_seconds=most).ring(PROFILE) is not None
    with pytest.raises(SettingError, match="2 GiB"):
        RecordingConfig(keep_seconds=2 * most).ring(PROFILE)


def test_a_disk_that_fills_up_ends_the_recording_and_not_the_link(tmp_path, monkeypatch):
    monkeypatch.setattr(on_demand, "SPARE", 1 << 60)
    demodulator = Demodulator()
    recordings = OnDemand(Heard(PROFILE), tmp_path, demodulator.record)
    recordings.start()
    demodulator.hear(counted(0, 1000))
    assert recordings.path is None  # it has ended
    with pytest.raises(FileError, match="free"):
        recordings.stop()
    assert isinstance(recordings.close(), FileError)
