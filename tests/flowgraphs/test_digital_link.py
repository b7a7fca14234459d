# SPDX-License-Identifier: GPL-3.0-or-later
"""The digital codecs through the real link: the same symbols as the learned code, and a cliff."""

import json

import numpy as np
import pytest

from percast.engines.codecs.digital.schemes import thresholds
from tests.conftest import load

pytest.importorskip("av", reason="HEVC needs PyAV: pip install 'percast[digital]'")

HEVC = ("--codec", "hevc-ldpc", "--metrics", "psnr", "--json")


def loopback(percast, photos, *options):
    return percast("loopback", "--source", photos, *HEVC, *options)


def test_all_arrive_at_ten_decibels_in_the_symbols_of_the_learned_code(percast, photos):
    digital = loopback(percast, photos, "--snr", 10)
    learned = percast("loopback", "--source", photos, "--metrics", "none", "--json", "--snr", 10)
    assert digital.code == learned.code == 0, digital.err + learned.err
    d, n = digital.json, learned.json
    assert (d["sent"], d["decoded"], d["lost"], d["undecodable"]) == (6, 6, 0, 0)
    assert (d["cbr"], d["overhead"]) == (n["cbr"], n["overhead"])
    assert d["psnr_db"] > 24 and d["codec_figures"]["bits_per_symbol"] > 2.5


def test_none_arrives_at_three(percast, photos, tmp_path):
    run = loopback(percast, photos, "--snr", 3, "--out", tmp_path)
    assert run.code == 5 and "no picture could be decoded" in run.complaint
    s = run.json
    assert (s["sent"], s["received"], s["decoded"], s["undecodable"]) == (6, 6, 0, 6)
    assert not list(tmp_path.glob("*.png"))
    lines = [json.loads(x) for x in (tmp_path / "frames.jsonl").read_text().splitlines()]
    assert all("bits are wrong" in line["undecodable"] for line in lines) and len(lines) == 6


def test_what_is_lost_is_shown_as_the_user_chooses_and_counted(percast, photos, tmp_path):
    run = loopback(percast, photos, "--snr", 3, "--out", tmp_path, "--conceal", "grey")
    assert (run.code, run.json["decoded"], run.json["undecodable"]) == (5, 0, 6)
    assert run.json["psnr_db"] is None
    shown = [load(path) for path in tmp_path.glob("*.png")]
    assert len(shown) == 6 and all((rgb == 128).all() for rgb in shown)


def test_a_stronger_scheme_gets_through_where_the_faster_does_not(percast, photos):
    snr_db = round(thresholds()[4] + 1, 1)
    run = loopback(percast, photos, "--snr", snr_db, "--mcs", 4, "--cbr", "1/24")
    assert (run.code, run.json["decoded"]) == (0, 6), run.err
    run = loopback(percast, photos, "--snr", snr_db, "--mcs", 11, "--cbr", "1/24")
    assert (run.code, run.json["decoded"]) == (5, 0)


def test_a_receiver_finds_the_codec_by_the_header(percast, photos, tmp_path):
    """Whatever its own --codec; and where the format is missing it says so."""
    path = tmp_path / "hevc.sigmf-meta"
    sent = percast("tx", "--source", photos, "--device", "file", "--args", path, "--json",
                   "--codec", "hevc-ldpc")  # fmt: skip
    assert sent.code == 0 and sent.json["sent"] == 6, sent.err
    for codec in ("learned", "jpeg-ldpc", "hevc-ldpc"):
        received = percast("replay", path, "--json", "--codec", codec, "--out", tmp_path / codec)
        assert received.code == 0 and received.json["decoded"] == 6, received.err
        assert received.json["codec"] == "hevc-ldpc" and received.json["engine"] is None
    pictures = [
        [load(file) for file in sorted((tmp_path / codec).glob("*.png"))]
        for codec in ("learned", "hevc-ldpc")
    ]
    np.testing.assert_array_equal(*pictures)

    blocker = tmp_path / "av.py"
    blocker.write_text("raise ImportError('hidden')\n")
    missing = percast("replay", path, "--json", PYTHONPATH=str(tmp_path))
    assert missing.code == 4 and "percast[digital]" in missing.complaint
    assert list(missing.json["foreign"].values()) == [6]


def test_pictures_that_do_not_fit_are_counted_and_said(percast, small_photos):
    run = loopback(percast, small_photos, "--cbr", "1/192")
    assert run.code == 4 and "give a higher --cbr" in run.complaint
    assert (run.json["sent"], run.json["unencodable"]) == (0, 6)
