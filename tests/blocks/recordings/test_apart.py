# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording has one writer, and that is nobody who reads it."""

import json
import os
import threading

import numpy as np
import pytest

from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.writer import RecordingWriter, check_not_read
from percast.errors import FileError, UsageError
from percast.file_lock import lock_for_reading

SAMPLES = np.arange(1, 1001).astype(np.complex64)
LINKS = {"symbolic": os.symlink, "hard": os.link}


def record(path) -> None:
    writer = RecordingWriter(path, 4e6)
    writer.write(SAMPLES)
    writer.close()


@pytest.mark.parametrize("suffix", ["sigmf-meta", "cf32", "cs8"])
def test_a_second_writer_is_refused_and_disturbs_nothing(tmp_path, suffix):
    path = tmp_path / f"r.{suffix}"
    first = RecordingWriter(path, 4e6)
    first.write(SAMPLES[:500] / 1000)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(FileError, match="another program"):
        RecordingWriter(path, 1e6)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    first.write(SAMPLES[500:] / 1000)
    first.close()
    assert open_recording(path).length == 1000
    record(path)  # now it may


@pytest.mark.parametrize("link", LINKS)
def test_a_second_writer_under_another_name_is_refused(tmp_path, link):
    first = RecordingWriter(tmp_path / "r.sigmf-meta", 4e6)
    first.write(SAMPLES)
    LINKS[link](tmp_path / "r.sigmf-data", tmp_path / "other.cf32")
    with pytest.raises(FileError, match="another program"):
        RecordingWriter(tmp_path / "other.cf32", 4e6)
    first.close()
    np.testing.assert_array_equal(open_recording(tmp_path / "r.sigmf-meta").read(0, 2000), SAMPLES)


def test_what_another_program_reads_is_not_overwritten(tmp_path):
    record(tmp_path / "r.cf32")
    with open(tmp_path / "r.cf32", "rb") as reader:
        lock_for_reading(reader.fileno())
        with pytest.raises(FileError, match="another program"):
            RecordingWriter(tmp_path / "r.cf32", 4e6)
    assert open_recording(tmp_path / "r.cf32").length == 1000
    record(tmp_path / "r.cf32")


def test_a_recording_that_is_still_written_can_be_read(tmp_path):
    writer = RecordingWriter(tmp_path / "r.cf32", 4e6)
    writer.write(SAMPLES)
    with open(tmp_path / "r.cf32", "rb") as reader:
        lock_for_reading(reader.fileno())
    assert open_recording(tmp_path / "r.cf32").length == 1000
    writer.close()


def test_a_shorter_recording_leaves_nothing_of_the_one_before(tmp_path):
    record(tmp_path / "r.cf32")
    writer = RecordingWriter(tmp_path / "r.cf32", 4e6)
    writer.write(SAMPLES[:10])
    writer.close()
    np.testing.assert_array_equal(open_recording(tmp_path / "r.cf32").read(0, 99), SAMPLES[:10])


def test_samples_go_into_a_pipe(tmp_path):
    path, heard = tmp_path / "r.cf32", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: heard.append(path.read_bytes()))
    reader.start()
    record(path)
    reader.join(10)
    assert heard == [SAMPLES.tobytes()]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", ["new.cf32", "new.sigmf-meta"])
def test_a_link_to_what_is_read_is_not_written(tmp_path, link, name):
    record(tmp_path / "r.sigmf-meta")
    target = name.replace("-meta", "-data")
    LINKS[link](tmp_path / "r.sigmf-data", tmp_path / target)
    with pytest.raises(UsageError, match="choose another"):
        check_not_read(tmp_path / name, open_recording(tmp_path / "r.sigmf-meta").files, "--record")


def test_neither_the_dataset_that_is_read_nor_its_metadata_are_written(tmp_path):
    record(tmp_path / "a.sigmf-meta")
    meta = json.loads((tmp_path / "a.sigmf-meta").read_text())
    meta["global"]["core:dataset"] = "a.sigmf-data"
    (tmp_path / "b.sigmf-meta").write_text(json.dumps(meta))
    files = open_recording(tmp_path / "b.sigmf-meta").files
    for name in ("a.sigmf-meta", "b.sigmf-meta"):
        with pytest.raises(UsageError, match="choose another"):
            check_not_read(tmp_path / name, files, "--record")
    check_not_read(tmp_path / "c.sigmf-meta", files, "--record")
