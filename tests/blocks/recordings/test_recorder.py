# SPDX-License-Identifier: GPL-3.0-or-later
import json
import logging

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.waveform.transmit import modulate_all
from percast.errors import FileError
from tests.blocks.waveform.conftest import Link


@pytest.fixture
def air():
    """A link, and what is heard: packets of three pictures in noise, the second's header jammed;
    and where the pictures start."""
    link = Link()
    pieces = [link.burst(i, symbols) for i, symbols in enumerate((1000, 1000, 14000))]
    p = link.profile
    lengths = np.cumsum([0, *(len(x) for x in pieces[:-1])])
    starts = [n + int(np.flatnonzero(x)[0]) for n, x in zip(lengths, pieces, strict=True)]
    header = starts[1] - lengths[1] + p.preamble_len + np.arange(p.header_symbols * p.symbol_len)
    pieces[1][header] += 2 * link.noise(len(header), 0)
    x = np.concatenate([*pieces, np.zeros(2000, np.complex64)])
    return link, (0.1 * (x + link.noise(len(x), 20))).astype(np.complex64), starts


def record(link, samples, recorder, chunk=8192):
    link.receiver.on_packet = recorder.note
    packets = []
    for i in range(0, len(samples), chunk):
        recorder.write(samples[i : i + chunk])
        packets += link.receiver.push(samples[i : i + chunk])
    return packets


def test_a_packet_whose_beginning_a_gap_took_is_noted_behind_it(tmp_path):
    link = Link()
    burst = link.burst(0, 1000)
    burst = burst[int(np.flatnonzero(burst)[0]) + 100 :]
    heard = np.concatenate([np.zeros(20_000), burst, np.zeros(2000)]).astype(np.complex64)
    heard = (heard + link.noise(len(heard), 20)).astype(np.complex64)
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6, 2.41e9), link.profile)
    assert record(link, heard[:20_000], recorder) == []
    recorder.capture(20_000, None, gap=True)
    link.receiver.flush()
    (packet,) = record(link, heard[20_000:], recorder)
    recorder.close()
    (note,) = json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"]
    assert note["core:sample_start"] == 20_000 and note["percast:crc_ok"]
    end = note["core:sample_start"] + note["core:sample_count"]
    assert abs(end - (20_000 + int(np.flatnonzero(burst)[-1]))) < 100


@pytest.mark.parametrize("datatype", ["cf32_le", "ci8"])
def test_every_packet_is_noted_where_it_lies(air, tmp_path, datatype):
    sigmf = pytest.importorskip("sigmf", reason="pip install sigmf")
    link, samples, starts = air
    writer = RecordingWriter(tmp_path / "r.sigmf-meta", 4e6, 2.41e9, datatype, "two tin cans")
    recorder = Recorder(writer, link.profile)
    packets = record(link, samples, recorder)
    assert recorder.close() is None

    file = sigmf.fromfile(str(tmp_path / "r.sigmf-meta"))
    file.validate()
    info = file.get_global_info()
    assert info["core:hw"] == "two tin cans" and info["core:datatype"] == datatype
    assert [e["name"] for e in info["core:extensions"]] == ["percast"]
    assert file.get_captures()[0]["core:frequency"] == 2.41e9
    notes = file.get_annotations()
    assert [n["percast:crc_ok"] for n in notes] == [True, False, True, True]
    assert "CRC" in notes[1]["core:comment"] and "percast:image" not in notes[1]
    good = [n for n in notes if n["percast:crc_ok"]]
    ids = [(n["percast:image"], n["percast:packet"], n["percast:packets"]) for n in good]
    assert ids == [(0, 0, 1), (2, 0, 2), (2, 1, 2)]
    assert [n["percast:pictures"] for n in good] == [1, 1, 1]
    assert all(n["percast:snr_db"] == pytest.approx(20, abs=1) for n in good)
    assert all(abs(n["percast:freq_offset_hz"]) < 100 for n in good)
    for note, start in zip(notes[:3], starts, strict=True):
        assert abs(note["core:sample_start"] - start) <= 2
    for note, packet in zip(good, packets, strict=True):
        start, count = note["core:sample_start"], note["core:sample_count"]
        inside = samples[start : start + count]
        # The annotated stretch alone is a whole packet.
        (again,) = Link().receive(np.pad(inside, (300, 1500)))
        assert again.header == packet.header


def test_a_packet_of_several_pictures_is_noted_as_one_packet_of_so_many(tmp_path):
    link = Link()
    coded = [(link.header(10 + i, 256), complex_noise(link.rng, 256)) for i in range(3)]
    _, (packet,) = modulate_all(link.profile, coded)
    samples = np.pad(packet, (500, 2000)).astype(np.complex64)
    samples += link.noise(len(samples), 15)
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6), link.profile)
    assert len(record(link, samples, recorder)) == 3
    recorder.close()
    (note,) = json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"]
    told = [note[f"percast:{key}"] for key in ("image", "packet", "packets", "pictures")]
    assert told == [10, 0, 1, 3]
    assert note["core:sample_count"] == len(packet)


def test_a_recording_gives_the_same_symbols_to_the_bit_whenever_it_is_read(air, tmp_path):
    link, samples, _ = air
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6), link.profile)
    heard = record(link, samples, recorder)
    recorder.close()
    recording = open_recording(tmp_path / "r.sigmf-meta")
    for chunk in (1 << 13, 5000):
        packets = Link().receive(recording.read(0, recording.length), chunk)
        for a, b in zip(heard, packets, strict=True):
            np.testing.assert_array_equal(a.symbols, b.symbols)
            np.testing.assert_array_equal(a.noise_var, b.noise_var)


def test_a_packet_that_began_before_the_recording_is_noted_from_its_start(air, tmp_path):
    link, samples, starts = air
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6), link.profile)
    record(link, samples[starts[0] + 100 :], recorder)
    recorder.close()
    first = json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"][0]
    assert first["core:sample_start"] == 0
    assert abs(first["core:sample_count"] - (link.profile.packet_len(6) - 100)) <= 2


def test_a_packet_that_breaks_off_is_noted_to_the_recordings_end(air, tmp_path):
    link, samples, starts = air
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6), link.profile)
    end = starts[0] + link.profile.packet_len(3)
    record(link, samples[:end], recorder)
    (packet,) = link.receiver.flush()
    recorder.close()
    assert np.isinf(packet.noise_var).sum() == 1000 - 3 * 192
    (note,) = json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"]
    assert note["core:sample_start"] + note["core:sample_count"] == end


def test_reception_goes_on_when_the_disk_is_full(air, tmp_path, caplog):
    """The limit on a file's size stands in for the disk."""
    resource = pytest.importorskip("resource")
    link, samples, _ = air
    recorder = Recorder(RecordingWriter(tmp_path / "r.sigmf-meta", 4e6), link.profile)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 20_000, before[1]))
    try:
        packets = record(link, samples, recorder)
        failure = recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(packets) == 3
    assert isinstance(failure, FileError)
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
    recording = open_recording(tmp_path / "r.sigmf-meta")
    assert recording.length == 16384
    notes = json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"]
    assert len(notes) == 2 and all(n["core:sample_start"] < 16384 for n in notes)
