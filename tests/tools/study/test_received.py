# SPDX-License-Identifier: GPL-3.0-or-later
"""A condition made of a receiver's folder is what its name says, and nothing else."""

import json

import numpy as np
import pytest

from percast.blocks.images.sinks import open_sink
from percast.errors import FileError
from percast.tools.study.folders import pictures_in
from percast.tools.study.received import of_condition


def record(name="a.png", codec="learned", cbr=1 / 48, width=192, height=128, **more) -> dict:
    return {
        "name": name, "file": f"{name}.out.png", "codec": codec, "cbr": cbr, "width": width,
        "height": height, **more,
    }  # fmt: skip


def test_what_stands_in_for_a_lost_picture_is_no_picture_of_the_code(tmp_path):
    picture = np.zeros((64, 64, 3), np.uint8)
    with open_sink(str(tmp_path)) as sink:
        sink.write(picture, {"name": "a.png", "undecodable": "bits are wrong"})
        sink.write(picture, {"name": "b.png", "undecodable": "bits are wrong"})
        sink.write(picture + 9, {"name": "b.png"})  # sent again
    found = pictures_in(tmp_path, label="hevc-ldpc@1/48")
    assert found.keys() == {"b"} and found["b"]()[0, 0, 0] == 9


def test_where_nothing_could_be_decoded_that_is_said(tmp_path):
    with open_sink(str(tmp_path)) as sink:
        sink.write(np.zeros((64, 64, 3), np.uint8), {"name": "a.png", "undecodable": "wrong"})
    with pytest.raises(FileError, match="none that could be decoded"):
        pictures_in(tmp_path, label="hevc-ldpc@1/48")


def test_of_a_folder_of_two_runs_a_condition_has_those_of_its_rate(tmp_path):
    runs = [record(cbr=1 / 192), record(cbr=1 / 24), record(codec="hevc-ldpc", cbr=1 / 24)]
    assert of_condition(runs, "percast@1/24", tmp_path) == runs[1:2]
    assert of_condition(runs, "percast snr 10@1/192", tmp_path) == runs[:1]
    assert of_condition(runs, "hevc-ldpc@1/24", tmp_path) == runs[2:]
    (tmp_path / "frames.jsonl").write_text("".join(json.dumps(each) + "\n" for each in runs))
    assert pictures_in(tmp_path, label="percast@1/24").keys() == {"a"}
    with pytest.raises(FileError, match="nothing of percast@1/48, but hevc-ldpc at 1/24, learned"):
        pictures_in(tmp_path, label="percast@1/48")


def test_a_condition_named_after_another_codec_is_refused(tmp_path):
    with pytest.raises(FileError, match="nothing of hevc-ldpc@1/48, but learned at 1/48"):
        of_condition([record()], "hevc-ldpc@1/48", tmp_path)


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("mine", {"cbr": 1 / 24}),
        ("mine", {"cbr": 1 / 24, "name": "b.png", "width": 128}),
        ("mine", {"codec": "jpeg-ldpc"}),
        ("mine@1/48", {"codec": "jpeg-ldpc"}),
        ("mine@1/48", {"cbr": 1 / 45}),
    ],
)
def test_a_name_that_cannot_tell_two_runs_in_one_folder_apart_is_refused(tmp_path, label, other):
    with pytest.raises(FileError, match="one code at one rate"):
        of_condition([record(), record(**other)], label, tmp_path)


def test_padding_and_the_rounding_of_other_codecs_make_no_other_rate(tmp_path):
    padded = 512 * 336 / (500 * 333) / 48  # as our codecs send 500x333
    sizes = [record(), record("b.png", cbr=padded, width=500, height=333)]
    for label in ("percast@1/48", "folder"):
        assert of_condition(sizes, label, tmp_path) == sizes
    thumbnail = [record(codec="example:Thumbnail", cbr=253 / (3 * 64 * 64), width=64, height=64)]
    assert of_condition(thumbnail, "small@1/48", tmp_path) == thumbnail
    with pytest.raises(FileError):
        of_condition(sizes, "percast@1/64", tmp_path)


def test_records_that_tell_neither_codec_nor_rate_are_taken_as_they_are_named(tmp_path):
    plain = [{"name": "a.png", "file": "a.png"}, {"name": "b.png", "file": "b", "cbr": None}]
    for label in ("percast@1/48", "hevc-ldpc@1/24", "mine"):
        assert of_condition(plain, label, tmp_path) == plain
