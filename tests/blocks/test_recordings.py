# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os

import numpy as np
import pytest

from percast.blocks.recordings import RecordingWriter, open_recording
from percast.errors import FileError, UsageError


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


@pytest.mark.parametrize(("name", "options"), [("r.cs8", {}), ("r.sigmf-meta", {"datatype": "ci8"})])
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
    writer._file.flush()
    assert open_recording(tmp_path / "r.sigmf-meta").length == 5000


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
        (lambda m: json.dumps({"global": {}}), "core:datatype"),
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
