# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest

from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.writer import RecordingWriter
from percast.errors import FileError, UsageError
from percast.settings import SettingError


def samples(n: int = 5000) -> np.ndarray:
    rng = np.random.default_rng(n)
    return (rng.uniform(-0.7, 0.7, (n, 2)).astype(np.float32)).view(np.complex64).ravel()


def write(path, **options) -> np.ndarray:
    x = samples()
    writer = RecordingWriter(path, 4e6, 433.92e6, **options)
    writer.write(x[:1234])
    writer.write(x[1234:])
    writer.annotate(10, 20, "second")
    writer.annotate(0, 5, "first", image=3)
    writer.close()
    return x


@pytest.mark.parametrize("suffix", ["sigmf-meta", "cf32"])
def test_float_recordings_come_back_exactly(tmp_path, suffix):
    x = write(tmp_path / f"r.{suffix}")
    recording = open_recording(tmp_path / f"r.{suffix}")
    assert recording.length == len(x)
    np.testing.assert_array_equal(recording.read(0, 10**6), x)
    np.testing.assert_array_equal(recording.read(4990, 100), x[4990:])
    assert len(recording.read(5000, 10)) == 0


@pytest.mark.parametrize(
    ("name", "options"), [("r.cs8", {}), ("r.sigmf-meta", {"datatype": "ci8"})]
)
def test_byte_recordings_come_back_to_half_a_step(tmp_path, name, options):
    x = write(tmp_path / name, **options)
    back = open_recording(tmp_path / name).read(0, len(x))
    assert np.abs((back - x).view(np.float32)).max() <= 0.5 / 127 + 1e-6


def test_metadata_are_valid_sigmf_with_our_namespace_declared(tmp_path):
    sigmf = pytest.importorskip("sigmf", reason="pip install sigmf")
    write(tmp_path / "r.sigmf-meta")
    file = sigmf.fromfile(str(tmp_path / "r.sigmf-meta"))
    file.validate()
    assert file.get_global_field("core:extensions")[0]["name"] == "percast"
    assert [a["core:label"] for a in file.get_annotations()] == ["first", "second"]
    assert file.get_annotations()[0]["percast:image"] == 3
    assert file.get_captures()[0]["core:frequency"] == 433.92e6
    np.testing.assert_array_equal(file.read_samples(), samples())
    recording = open_recording(tmp_path / "r.sigmf-meta")
    assert (recording.samp_rate, recording.freq) == (4e6, 433.92e6)


def test_a_recording_that_was_never_closed_can_be_read(tmp_path):
    writer = RecordingWriter(tmp_path / "r.sigmf-meta", 4e6)
    writer.write(samples())
    assert open_recording(tmp_path / "r.sigmf-meta").length == 5000


@pytest.mark.parametrize("name", ["r.SIGMF-META", "r.Sigmf-Meta", "r.CF32", "r.CS8"])
def test_a_recording_named_in_capitals_can_be_read_again(tmp_path, name):
    x = write(tmp_path / name)
    recording = open_recording(tmp_path / name)
    assert recording.length == len(x)
    assert {file.name for file in recording.files} == {file.name for file in tmp_path.iterdir()}


def test_the_type_of_samples_may_be_asked_for_in_capitals_too():
    RecordingConfig(record="r.SIGMF-META", record_format="ci8")
    for other in ("r.cf32", None):
        with pytest.raises(SettingError, match="sigmf-meta"):
            RecordingConfig(record=other, record_format="ci8")


def test_saturation_is_told(tmp_path, caplog):
    writer = RecordingWriter(tmp_path / "r.cs8", 4e6)
    writer.write(np.full(10, 2 - 2j, np.complex64))
    writer.close()
    assert "saturated" in caplog.text
    assert open_recording(tmp_path / "r.cs8").read(0, 1)[0] == 1 - 1j


def test_a_file_cut_in_mid_sample_loses_that_sample(tmp_path, caplog):
    x = write(tmp_path / "r.cf32")
    with open(tmp_path / "r.cf32", "r+b") as file:
        file.truncate(8 * 100 + 3)
    recording = open_recording(tmp_path / "r.cf32")
    np.testing.assert_array_equal(recording.read(0, 1000), x[:100])
    assert "cut off" in caplog.text


def test_a_wrong_checksum_is_told_and_read_all_the_same(tmp_path, caplog):
    write(tmp_path / "r.sigmf-meta")
    with open(tmp_path / "r.sigmf-data", "r+b") as file:
        file.write(b"\1\2\3\4")
    assert open_recording(tmp_path / "r.sigmf-meta").length == 5000
    assert "checksum" in caplog.text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda m: "{", "not SigMF"),
        (lambda m: "[]", "not SigMF"),
        (lambda m: "[" * 100_000, "not SigMF"),
        (lambda m: json.dumps({"global": {}}), "core:datatype"),
        (lambda m: m.replace("cf32_le", "rf32_le"), "real samples"),
        (lambda m: m.replace('"core:sample_start": 0', '"core:header_bytes": -1'), "-1 where"),
        (lambda m: m.replace('num_channels": 1', 'num_channels": 0'), "num_channels"),
        (
            lambda m: m.replace('"core:version"', '"core:dataset": "../x", "core:version"'),
            "dataset",
        ),
        (lambda m: m.replace("cf32_le", "cf99"), "cf99"),
        (lambda m: m.replace('"captures": [', '"captures": [3,'), "not SigMF"),
    ],
)
def test_damaged_metadata_are_one_line(tmp_path, damage, words):
    write(tmp_path / "r.sigmf-meta")
    meta = tmp_path / "r.sigmf-meta"
    meta.write_text(damage(meta.read_text()))
    with pytest.raises(FileError, match=words) as caught:
        open_recording(meta)
    assert "\n" not in str(caught.value)


def test_absurd_rates_count_as_unknown(tmp_path):
    write(tmp_path / "r.sigmf-meta")
    meta = tmp_path / "r.sigmf-meta"
    meta.write_text(meta.read_text().replace("4000000.0", "-1e999"))
    assert open_recording(meta).samp_rate is None


def test_missing_and_empty_files_and_unknown_suffixes_are_one_line(tmp_path):
    with pytest.raises(FileError, match="no such"):
        open_recording(tmp_path / "r.cf32")
    (tmp_path / "r.cs8").write_bytes(b"")
    with pytest.raises(FileError, match="no samples"):
        open_recording(tmp_path / "r.cs8")
    with pytest.raises(UsageError, match="cf32"):
        open_recording(tmp_path / "r.wav")
    write(tmp_path / "r.sigmf-meta")
    os.remove(tmp_path / "r.sigmf-data")
    with pytest.raises(FileError, match="missing"):
        open_recording(tmp_path / "r.sigmf-meta")


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        RecordingWriter(tmp_path / "file" / "r.cf32", 4e6)


# What other programs write

BITS = {"cf64": 64, "cf32": 32, "ci32": 32, "ci16": 16, "cu16": 16, "ci8": 8, "cu8": 8}
FOREIGN = [f"{kind}{order}" for kind, bits in BITS.items()
           for order in (("",) if bits == 8 else ("_le", "_be"))]  # fmt: skip


def foreign(folder, datatype="cf32_le", channels=1, captures=(), headers=(), **fields):
    """A recording as the sigmf package's own numbers would have it; the samples that belong in
    it."""
    x = samples(4 * channels).reshape(-1, channels)
    parts = x.view(np.float32)
    kind, bits = datatype[1], BITS[datatype.split("_")[0]]
    order = ">" if datatype.endswith("be") else "<"
    if kind != "f":
        parts = np.rint(parts.astype(np.float64) * (2 ** (bits - 1) - 1))
        parts = parts + 2 ** (bits - 1) if kind == "u" else parts
    data = parts.astype(f"{order}{kind}{bits // 8}").tobytes()
    frame = len(data) // 4
    for first, header in reversed(headers):
        data = data[: first * frame] + bytes(header) + data[first * frame :]
    (folder / "f.sigmf-data").write_bytes(data)
    info = {"core:datatype": datatype, "core:version": "1.2.0", "core:sample_rate": 2e6}
    info |= {f"core:{key}": value for key, value in fields.items()}
    meta = {"global": info, "captures": list(captures), "annotations": []}
    (folder / "f.sigmf-meta").write_text(json.dumps(meta))
    return x[:, 0]


@pytest.mark.parametrize("datatype", FOREIGN)
def test_every_complex_type_of_sigmf_is_read(tmp_path, datatype):
    x = foreign(tmp_path, datatype)
    back = open_recording(tmp_path / "f.sigmf-meta").read(0, 10)
    half_a_step = 2.0 ** -BITS[datatype.split("_")[0]] if "f" not in datatype else 0
    np.testing.assert_allclose(back, x, rtol=0, atol=1.5 * half_a_step + 1e-6)


@pytest.mark.parametrize("datatype", ["ci16_le", "cu8", "cf64_be"])
def test_types_mean_what_the_sigmf_package_says_they_mean(tmp_path, datatype):
    sigmf = pytest.importorskip("sigmf", reason="pip install sigmf")
    foreign(tmp_path, datatype, captures=[{"core:sample_start": 0}])
    theirs = sigmf.fromfile(str(tmp_path / "f.sigmf-meta")).read_samples()
    ours = open_recording(tmp_path / "f.sigmf-meta").read(0, 10)
    np.testing.assert_allclose(ours, theirs, rtol=0.01)  # full scale is 127 here and 128 there


def test_of_several_channels_the_first_is_read_and_that_is_told(tmp_path, caplog):
    x = foreign(tmp_path, "ci16_le", channels=3, num_channels=3)
    recording = open_recording(tmp_path / "f.sigmf-meta")
    assert recording.length == 4
    np.testing.assert_allclose(recording.read(1, 2), x[1:3], atol=1e-4)
    assert "3 channels" in caplog.text


def test_bytes_that_are_no_samples_are_passed_over(tmp_path):
    """A file that another program wrote in a format of its own, described by SigMF."""
    captures = [
        {"core:sample_start": 0, "core:header_bytes": 5},
        {"core:sample_start": 3, "core:header_bytes": 11, "core:frequency": 1e9},
    ]
    x = foreign(tmp_path, captures=captures, headers=[(0, 5), (3, 11)], dataset="theirs.bin",
                trailing_bytes=7)  # fmt: skip
    data = (tmp_path / "f.sigmf-data").read_bytes() + b"trailer"
    (tmp_path / "theirs.bin").write_bytes(data)
    (tmp_path / "f.sigmf-data").unlink()
    recording = open_recording(tmp_path / "f.sigmf-meta")
    assert recording.length == 4 and recording.freq == 1e9
    np.testing.assert_array_equal(recording.read(0, 100), x)
    np.testing.assert_array_equal(recording.read(2, 2), x[2:])
    for size, left in ((5 + 3 * 8 + 4 + 7, 3), (5 + 2 * 8 + 7, 2)):  # within a header, before it
        (tmp_path / "theirs.bin").write_bytes(data[: size - 7] + b"trailer")
        np.testing.assert_array_equal(
            open_recording(tmp_path / "f.sigmf-meta").read(0, 9), x[:left]
        )


def test_an_offset_and_captures_that_start_late_lose_no_samples(tmp_path):
    x = foreign(
        tmp_path, captures=[{"core:sample_start": 1002, "core:frequency": 9e8}], offset=1000
    )
    recording = open_recording(tmp_path / "f.sigmf-meta")
    np.testing.assert_array_equal(recording.read(0, 100), x)
    assert recording.freq == 9e8


def test_an_archive_is_read_where_it_lies(tmp_path, caplog):
    x = write(tmp_path / "r.sigmf-meta")
    with tarfile.open(tmp_path / "r.sigmf", "w") as archive:
        for name in ("r.sigmf-meta", "r.sigmf-data"):
            archive.add(tmp_path / name, f"r/{name}")
    recording = open_recording(tmp_path / "r.sigmf")
    assert recording.samp_rate == 4e6
    np.testing.assert_array_equal(recording.read(0, 10**6), x)
    assert not caplog.text
    whole = (tmp_path / "r.sigmf").read_bytes()
    start = recording.segments[0].at
    (tmp_path / "cut.sigmf").write_bytes(whole[: start + 805])
    np.testing.assert_array_equal(open_recording(tmp_path / "cut.sigmf").read(0, 10**6), x[:100])
    assert "checksum" in caplog.text and "cut off" in caplog.text
    (tmp_path / "junk.sigmf").write_bytes(whole[100:])
    with pytest.raises(FileError, match="archive"):
        open_recording(tmp_path / "junk.sigmf")
    with pytest.raises(UsageError, match="only read"):
        RecordingWriter(tmp_path / "r.sigmf", 4e6)


def test_a_whole_recording_fits_its_checksum(tmp_path, caplog):
    write(tmp_path / "r.sigmf-meta")
    meta = json.loads((tmp_path / "r.sigmf-meta").read_text())
    data = (tmp_path / "r.sigmf-data").read_bytes()
    assert meta["global"]["core:sha512"] == hashlib.sha512(data).hexdigest()
    open_recording(tmp_path / "r.sigmf-meta")
    assert not caplog.text


def test_a_killed_recorder_leaves_its_samples_and_notes(tmp_path):
    script = f"""
import os, signal, numpy as np
from percast.blocks.recordings import writer as recording_writer
recording_writer._META_SECONDS = 0
writer = recording_writer.RecordingWriter({str(tmp_path / "r.sigmf-meta")!r}, 4e6, hardware="none")
writer.annotate(0, 100, "percast packet", image=3)
for _ in range(5):
    writer.write(np.ones(1000, np.complex64))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert open_recording(tmp_path / "r.sigmf-meta").length == 5000
    meta = json.loads((tmp_path / "r.sigmf-meta").read_text())
    assert meta["annotations"][0]["percast:image"] == 3
    assert meta["global"]["core:hw"] == "none"
    assert sorted(os.listdir(tmp_path)) == ["r.sigmf-data", "r.sigmf-meta"]


def test_a_full_disk_leaves_whole_samples_that_fit_their_checksum(tmp_path, caplog):
    """The limit on a file's size stands in for the disk; its signal is ignored by Python."""
    resource = pytest.importorskip("resource")
    writer = RecordingWriter(tmp_path / "r.sigmf-meta", 4e6)
    writer.write(samples())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_001, before[1]))
    try:
        told = r"cannot be written \(File too large\); it holds the first 0\.001 s$"
        with pytest.raises(FileError, match=told):
            writer.write(samples())
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    recording = open_recording(tmp_path / "r.sigmf-meta")
    np.testing.assert_array_equal(recording.read(0, 10**6), samples())
    assert not caplog.text


def test_what_is_no_number_is_recorded_as_a_zero_byte(tmp_path):
    writer = RecordingWriter(tmp_path / "r.cs8", 4e6)
    writer.write(np.array([np.nan, 0.5], np.complex64))
    writer.close()
    back = open_recording(tmp_path / "r.cs8").read(0, 2)
    assert back[0] == 0 and abs(back[1] - 0.5) < 0.01


@pytest.mark.parametrize("rate", [1e3, 200e6])
def test_the_slowest_and_the_fastest_rate_are_read_again(tmp_path, rate):
    RecordingWriter(tmp_path / "r.sigmf-meta", rate).close()
    (tmp_path / "r.sigmf-data").write_bytes(bytes(80))
    assert open_recording(tmp_path / "r.sigmf-meta").samp_rate == rate


def test_hours_of_annotations_do_not_hold_samples_up(tmp_path):
    """The metadata are written where samples are taken; a second of these may wait elsewhere."""
    writer = RecordingWriter(tmp_path / "r.sigmf-meta", 1e6)
    for i in range(100_000):
        writer.annotate(i, 1, "percast packet", "header CRC ok", crc_ok=True, snr_db=i / 7, image=i)
    began = time.thread_time()
    writer._write_meta()
    assert time.thread_time() - began < 0.5
    writer.close()
    assert len(json.loads((tmp_path / "r.sigmf-meta").read_text())["annotations"]) == 100_000
