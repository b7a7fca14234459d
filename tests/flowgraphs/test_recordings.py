# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings through the commands: `rx --record`, damaged ones, and the air at its worst."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.transmit import modulate
from percast.engines.manifest import SHIPPED
from tests.blocks.waveform.conftest import Link
from tests.conftest import load


@pytest.fixture(scope="module")
def sent(percast, photos, tmp_path_factory):
    """A recording of six pictures."""
    path = tmp_path_factory.mktemp("sent") / "sent.sigmf-meta"
    run = percast("tx", "--source", photos, "--device", "file", "--args", path, "--freq", "2.41G",
                  "--callsign", "DK0XX")  # fmt: skip
    assert run.code == 0, run.err
    return path


def samples_of(path):
    return np.fromfile(path.with_suffix(".sigmf-data"), np.complex64)


def received(folder):
    lines = (folder / "frames.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_what_rx_records_is_decoded_again_to_the_bit(percast, sent, tmp_path):
    sigmf = pytest.importorskip("sigmf", reason="pip install sigmf")
    heard = tmp_path / "heard.sigmf-meta"
    run = percast("rx", "--device", "file", "--args", sent, "--record", heard, "--out",
                  tmp_path / "a", "--json")  # fmt: skip
    assert run.code == 0, run.err
    assert run.json["received"] == 6
    again = percast("replay", heard, "--out", tmp_path / "b", "--json")
    assert again.json["received"] == 6
    for i in range(6):
        a, b = (load(tmp_path / folder / f"{i:06d}.png") for folder in "ab")
        np.testing.assert_array_equal(a, b)
    x, y = samples_of(sent), samples_of(heard)
    np.testing.assert_array_equal(y[: len(x)], x)

    file = sigmf.fromfile(str(heard))
    file.validate()
    assert file.get_captures()[0]["core:frequency"] == 2.41e9
    notes = file.get_annotations()
    assert [n["percast:image"] for n in notes] == list(range(6))
    assert all(n["percast:callsign"] == "DK0XX" and n["percast:crc_ok"] for n in notes)
    told = json.loads(sent.read_text())["annotations"]  # by the sender
    for ours, theirs in zip(notes, told, strict=True):
        assert abs(ours["core:sample_start"] - theirs["core:sample_start"]) <= 2
        assert ours["core:sample_count"] == theirs["core:sample_count"]


def test_a_byte_recording_is_a_quarter_of_the_size_and_gives_all_pictures(percast, sent, tmp_path):
    heard = tmp_path / "heard.sigmf-meta"
    percast("rx", "--device", "file", "--args", sent, "--record", heard, "--record-format", "ci8")
    assert json.loads(heard.read_text())["global"]["core:datatype"] == "ci8"
    ratio = heard.with_suffix(".sigmf-data").stat().st_size / (8 * len(samples_of(sent)))
    assert ratio == pytest.approx(0.25, abs=1e-3)  # one sample more marks the end
    assert percast("replay", heard, "--json").json["received"] == 6


def bytes_in(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize("way", ["name", "dataset", "hard", "symbolic"])
def test_a_recording_is_not_written_over_itself(percast, sent, tmp_path, way):
    data = shutil.copy(sent.with_suffix(".sigmf-data"), tmp_path / "in.sigmf-data")
    given = Path(shutil.copy(sent, tmp_path / "in.sigmf-meta"))
    target = tmp_path / "out.cf32"
    if way == "hard":
        os.link(data, target)
    elif way == "symbolic":
        target.symlink_to(data)
    else:
        target = given
    if way == "dataset":
        meta = json.loads(given.read_text())
        meta["global"]["core:dataset"] = "in.sigmf-data"
        given = tmp_path / "other.sigmf-meta"
        given.write_text(json.dumps(meta))
    before = bytes_in(tmp_path)
    run = percast("rx", "--device", "file", "--args", given, "--record", target)
    assert run.code == 2 and "another name" in run.complaint
    assert bytes_in(tmp_path) == before


def test_a_second_sender_into_a_recording_is_refused(percast, small_photos, tmp_path):
    path = tmp_path / "r.sigmf-meta"
    writer = RecordingWriter(path, 4e6)
    writer.write(np.ones(1000, np.complex64))
    before = bytes_in(tmp_path)
    run = percast("tx", "--device", "file", "--args", path, "--source", small_photos)
    assert run.code == 6 and "another program" in run.complaint
    assert bytes_in(tmp_path) == before
    writer.close()


def test_a_sender_does_not_write_over_its_own_source(percast, tmp_path):
    film = tmp_path / "film.cf32"
    film.write_bytes(b"a film")
    run = percast("tx", "--device", "file", "--args", film, "--source", f"video:{film}")
    assert run.code == 2 and "choose another" in run.complaint
    assert film.read_bytes() == b"a film"


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("what", ["model", "picture"])
@pytest.mark.parametrize("verb", ["tx", "rx"])
def test_neither_the_model_nor_a_picture_is_recorded_over(
    percast, sent, small_photos, tmp_path, verb, what, link
):
    model, pictures = tmp_path / "model", tmp_path / "pictures"
    shutil.copytree(SHIPPED / "mse", model)
    shutil.copytree(small_photos, pictures)
    mine = model / "encoder.onnx" if what == "model" else min(pictures.iterdir())
    link(mine, tmp_path / "r.sigmf-data")
    target, before = tmp_path / "r.sigmf-meta", bytes_in(tmp_path)
    args = ["--device", "file", "--model", model]
    if verb == "tx":
        run = percast("tx", *args, "--args", target, "--source", pictures)
    else:
        run = percast("rx", *args, "--args", sent, "--reference", pictures, "--record", target)
    assert run.code == 2 and "choose another" in run.complaint
    assert bytes_in(tmp_path) == before


def test_a_full_disk_ends_the_recording_and_not_the_reception(sent, photos, tmp_path):
    """The limit on a file's size stands in for the disk."""
    resource = pytest.importorskip("resource")
    limit = 300_000
    done = subprocess.run(
        [sys.executable, "-m", "percast.tools.cli", "rx", "--device", "file", "--args", sent,
         "--record", tmp_path / "r.sigmf-meta", "--out", tmp_path / "out", "--json"],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 6 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("percast: ")
    assert "cannot be written" in done.stderr
    assert json.loads(done.stdout)["received"] == 6
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


def cut_in_half(meta, data):
    return meta, data[: len(data) // 2 + 3]


def half_a_meta(meta, data):
    return meta[: len(meta) // 2], data


def another_type(meta, data):
    return meta.replace(b"cf32_le", b"cf32_be"), data


def no_rate(meta, data):
    return meta.replace(b"core:sample_rate", b"core:simple_rate"), data


def a_wrong_rate(meta, data):
    return meta.replace(b"4000000.0", b"1000000.0"), data


def all_nan(meta, data):
    return meta, b"\xff" * len(data)


def nothing(meta, data):
    return meta, b""


def some_bits(meta, data):
    rng = np.random.default_rng(0)
    out = bytearray(data)
    for at in rng.integers(0, len(out), 200):
        out[at] ^= 1 << int(rng.integers(8))
    return meta, bytes(out)


# How the recording is damaged, the exit code, words of the last line, pictures at least and at most
DAMAGE = [
    (cut_in_half, 0, None, 2, 4),
    (some_bits, 0, None, 4, 6),
    (a_wrong_rate, 0, None, 6, 6),
    (half_a_meta, 6, "not SigMF", 0, 0),
    (nothing, 6, "no samples", 0, 0),
    (no_rate, 2, "--samp-rate", 0, 0),
    (another_type, 5, "nothing was received", 0, 0),
    (all_nan, 5, "no numbers", 0, 0),
]


@pytest.mark.parametrize(
    ("damage", "code", "words", "least", "most"), DAMAGE, ids=[d[0].__name__ for d in DAMAGE]
)
def test_damage_costs_what_it_must(
    percast, sent, photos, tmp_path, damage, code, words, least, most
):
    meta, data = damage(sent.read_bytes(), sent.with_suffix(".sigmf-data").read_bytes())
    (tmp_path / "d.sigmf-meta").write_bytes(meta)
    (tmp_path / "d.sigmf-data").write_bytes(data)
    run = percast("replay", tmp_path / "d.sigmf-meta", "--out", tmp_path / "out", "--reference",
                  photos, "--metrics", "psnr")  # fmt: skip
    assert run.code == code, run.err
    assert words is None or words in run.complaint
    found = received(tmp_path / "out") if (tmp_path / "out").exists() else []
    assert least <= len(found) <= most
    for record in found:
        assert load(tmp_path / "out" / record["file"]).shape == (256, 256, 3)
        # Some other photograph gives 10 dB.
        assert record["lost_symbols"] or record["snr_db"] < 0 or record["psnr_db"] > 15


def test_the_graph_gets_through_all_that_is_on_the_air(
    percast, sent, photos, small_photos, tmp_path
):
    """Joined in mid-packet; a tone, another OFDM signal, bursts, silence, a picture of an unknown
    model, a neighbour with other numbers, and a sender started again with another size."""
    link, rng = Link(), np.random.default_rng(1)
    first = samples_of(sent)
    small = tmp_path / "small.cf32"
    percast("tx", "--source", small_photos, "--device", "file", "--args", small, "--cbr", "1/24")
    second = np.fromfile(small, np.complex64)
    header = link.header(image=0, symbols=4096, model=b"else", cbr=Fraction(1, 48))
    (foreign,) = modulate(link.profile, header, np.ones(4096, np.complex64))
    wide = Link(open_profile("wide-10m"))
    tone = np.exp(2j * np.pi * 0.1234 * np.arange(600_000))
    tone[100_000 : 100_000 + len(first)] += first
    other = np.fft.ifft(rng.choice([-1, 1, 1j, -1j], (4000, 64)), axis=1).ravel() * 2
    burst = 2.5 * complex_noise(rng, 3000)
    x = np.concatenate([
        first[4000:], np.zeros(300_000), tone, other, burst, np.zeros(700), 0.25 * foreign,
        np.zeros(700), 0.25 * wide.burst(0), burst, second, burst, first,
    ])  # fmt: skip
    x = (x + 0.25 * link.noise(len(x), 20)).astype(np.complex64)
    x.tofile(tmp_path / "air.cf32")
    run = percast("replay", tmp_path / "air.cf32", "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.err
    s = run.json
    # `first` is on the air three times in one session: its pictures are given out once.
    pictures = received(tmp_path / "out")
    sizes = [(p["width"], p["id"]) for p in pictures]
    assert [i for w, i in sizes if w == 64] == list(range(6))
    assert {i for w, i in sizes if w == 256} == set(range(6))
    assert len({p["session"] for p in pictures}) == 2
    assert list(s["foreign"].values()) == [1] and b"else".hex() in next(iter(s["foreign"]))
    assert s["headers_lost"] >= 1
