# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the samples of a recording are no continuation, and whether some are missing there."""

import datetime
import json
import time

import numpy as np
import pytest

from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.writer import RecordingWriter


def test_a_radio_that_was_tuned_or_lost_samples_starts_a_new_capture(tmp_path):
    sigmf = pytest.importorskip("sigmf", reason="pip install sigmf")
    path = tmp_path / "r.sigmf-meta"
    writer = RecordingWriter(path, 1e6, 2.41e9)
    writer.capture(3000, 2.42e9)  # heard while the first samples still wait to be written
    writer.write(np.zeros(3000, np.complex64))
    writer.write(np.zeros(2000, np.complex64))
    time.sleep(0.2)
    writer.capture(5000, 2.42e9)
    writer.capture(5000, 2.43e9)  # again, before a sample came
    writer.write(np.zeros(10, np.complex64))
    writer.capture(5010, 2.44e9)  # and the recording ends
    writer.close()
    file = sigmf.fromfile(str(path))
    file.validate()
    captures = file.get_captures()
    starts = [(c["core:sample_start"], c["core:frequency"]) for c in captures]
    assert starts == [(0, 2.41e9), (3000, 2.42e9), (5000, 2.43e9)]
    times = [datetime.datetime.fromisoformat(c["core:datetime"]) for c in captures]
    assert (times[2] - times[0]).total_seconds() >= 0.2
    assert open_recording(path).freq == 2.41e9


def test_where_samples_are_missing_is_read_again(tmp_path):
    path = tmp_path / "r.sigmf-meta"
    writer = RecordingWriter(path, 1e6, 2.41e9)
    writer.write(np.arange(4000).astype(np.complex64))
    writer.capture(1000, 2.42e9)  # about where the radio was tuned
    writer.capture(2000, None, heard=1e9, gap=True)
    writer.capture(3000, None, gap=True)
    writer.capture(3000, 2.43e9)  # the radio that is back is told of twice
    writer.close()
    captures = json.loads(path.read_text())["captures"]
    assert [c["core:frequency"] for c in captures] == [2.41e9, 2.42e9, 2.42e9, 2.43e9]
    assert captures[2]["core:datetime"] == "2001-09-09T01:46:40.000000Z"
    recording = open_recording(path)
    assert recording.gaps == (2000, 3000)
    pieces = list(recording.pieces())
    assert [(len(x), after_gap) for x, after_gap in pieces] == [
        (2000, False), (1000, True), (1000, True),
    ]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate([x for x, _ in pieces]), recording.read(0, 9999))


@pytest.mark.parametrize(
    ("capture", "recorder", "gaps"),
    [
        ({}, "another program", (3,)),
        ({}, None, (3,)),
        ({"core:header_bytes": 11}, None, ()),  # a packet of another format
        ({}, "percast 1.0", ()),  # which knew a gap's place to a tenth of a second
        ({"percast:gap": True}, "percast 1.1", (3,)),
    ],
)
def test_a_capture_of_another_program_begins_anew(tmp_path, capture, recorder, gaps):
    info = {"core:datatype": "cf32_le", "core:version": "1.2.0", "core:recorder": recorder}
    captures = [{"core:sample_start": 0}, {"core:sample_start": 3} | capture]
    path = tmp_path / "f.sigmf-meta"
    path.write_text(json.dumps({"global": info, "captures": captures, "annotations": []}))
    (tmp_path / "f.sigmf-data").write_bytes(bytes(800))
    assert open_recording(path).gaps == gaps
