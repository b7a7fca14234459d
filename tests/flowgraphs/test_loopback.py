# SPDX-License-Identifier: GPL-3.0-or-later
"""What the README promises of the link, through the real GNU Radio graph."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from percast.tools.cli import build_parser
from percast.tools.verbs import loopback
from tests.conftest import load

KEYS = {
    "sent", "received", "lost", "frames_per_second", "latency_ms", "samp_rate",
    "occupied_bandwidth_hz", "cbr", "snr_db_set", "snr_db_measured", "evm_db", "psnr_db", "ms_ssim",
    "lpips", "engine", "precision", "dropped", "overruns", "underruns",
}  # fmt: skip


def sent_through(source: Path, options: str) -> dict:
    """The summary of `percast loopback` in this process: starting another takes longer."""
    argv = ["loopback", "--source", str(source), *options.split()]
    args = build_parser(argv).parse_args(argv)
    outcome = loopback.run(loopback.LoopbackConfig.from_args(args), lambda record: None)
    outcome.ending.check()
    return outcome.summary


def test_photographs_arrive_and_are_written(percast, photos, tmp_path):
    run = percast("loopback", "--source", photos, "--cbr", "1/48", "--snr", 10, "--json",
                  "--out", tmp_path / "out", "--callsign", "DK0XX")  # fmt: skip
    assert run.code == 0, run.err
    s = run.json
    assert set(s) >= KEYS
    assert (s["sent"], s["received"], s["lost"], s["dropped"]) == (6, 6, 0, 0)
    assert s["cbr"] == pytest.approx(1 / 48)
    assert s["snr_db_measured"] == pytest.approx(10, abs=0.4)
    assert s["psnr_db"] > 22
    assert s["samp_rate"] == 4e6
    lines = [json.loads(x) for x in (tmp_path / "out/frames.jsonl").read_text().splitlines()]
    assert [x["id"] for x in lines] == list(range(6))
    assert {x["callsign"] for x in lines} == {"DK0XX"}
    for line in lines:
        received = load(tmp_path / "out" / line["file"])
        sent = load(photos / line["name"])
        mse = np.mean((received.astype(float) - sent) ** 2)
        assert 10 * np.log10(255**2 / mse) == pytest.approx(line["psnr_db"], abs=0.01)


def test_going_round_loses_nothing(small_photos):
    s = sent_through(small_photos, "--frames 120 --metrics none")
    assert (s["sent"], s["received"], s["lost"], s["dropped"]) == (120, 120, 0, 0)
    assert s["psnr_db"] is None and s["lpips"] is None
    assert s["frames_per_second_set"] is None


def test_no_cliff(photos, perceptual_weights, monkeypatch):
    """From 20 to 0 dB PSNR falls and LPIPS rises, in small steps. (Above the design SNR of 10 dB
    the encoder holds both back: from 20 to 15 dB they stay.)"""
    monkeypatch.setenv("PERCAST_PERCEPTUAL", perceptual_weights)
    psnr, lpips = [], []
    for snr in (20, 15, 10, 5, 0):
        s = sent_through(photos, f"--snr {snr} --metrics psnr,lpips")
        assert s["received"] == 6
        psnr.append(s["psnr_db"])
        lpips.append(s["lpips"])
    assert (np.diff(psnr) < 0.2).all() and (np.diff(psnr) > -3.5).all(), psnr
    steps = np.diff(lpips)
    assert abs(steps[0]) < 0.002 and (steps[1:] > 0).all() and (steps < 0.15).all(), lpips
    assert psnr[-1] > 20 and lpips[-1] < 0.4


@pytest.mark.parametrize(("snr", "options"), [(-3, "--header long"), (0, "")])
def test_headers_survive_minus_three_db_and_those_for_ten_db_zero(small_photos, snr, options):
    s = sent_through(small_photos, f"--frames 100 --snr {snr} --metrics none {options}")
    assert s["received"] >= 90


def test_two_cheap_radios_in_a_fading_channel(photos):
    s = sent_through(
        photos,
        "--size 128x128 --frames 100 --channel tdl-c --delay-spread 300e-9 --doppler 10 --snr 10 "
        "--freq-offset 20e3 --clock-ppm 20 --samp-rate 4M --metrics psnr",
    )
    assert s["received"] >= 99
    assert s["freq_offset_hz_measured"] == pytest.approx(20e3, abs=100)
    assert s["clock_ppm_measured"] == pytest.approx(20, abs=12)  # 20 for a packet of 10 symbols


def test_quantised_noisy_oscillators(small_photos):
    s = sent_through(
        small_photos,
        "--frames 20 --snr 20 --adc-bits 8 --phase-noise 50 --iq-imbalance 0.3,2 "
        "--freq-offset -60k",
    )
    assert s["received"] == 20
    assert s["psnr_db"] > 18


@pytest.mark.parametrize("size", ["64x64", "65x97", "321x200"])
def test_any_size_comes_back_as_it_was(photos, tmp_path, size):
    s = sent_through(photos, f"--size {size} --frames 2 --out {tmp_path}")
    assert s["received"] == 2
    width, height = map(int, size.split("x"))
    with Image.open(tmp_path / "000000.png") as image:
        assert image.size == (width, height)
    padded = -(-width // 16) * -(-height // 16) * 256
    assert s["cbr"] == pytest.approx(padded / (width * height) / 48)


def test_the_same_seed_gives_the_same_channel(small_photos, tmp_path):
    """Not the same samples: headers carry the time."""
    snr = {}
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        options = f"--out {tmp_path / name} --seed {seed} --channel tdl-a --metrics none"
        sent_through(small_photos, options)
        lines = (tmp_path / name / "frames.jsonl").read_text().splitlines()
        snr[name] = [json.loads(x)["snr_db"] for x in lines]
    np.testing.assert_allclose(snr["a"], snr["b"], atol=0.5)
    assert np.abs(np.subtract(snr["a"], snr["c"])).max() > 1


def test_a_paced_source_drops_what_the_link_cannot_take(photos):
    s = sent_through(photos, "--size 512x512 --frames 60 --fps 200 --metrics none")
    assert s["dropped"] > 0
    assert s["sent"] + s["dropped"] == 60
    assert s["received"] == s["sent"]


def test_a_source_that_fails_in_mid_run_loses_nothing_already_sent(
    popen, percast, small_photos, tmp_path
):
    """The only picture is removed while the link goes round it."""
    import shutil

    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(small_photos / "0.png", folder)
    process = popen(
        [sys.executable, "-m", "percast.tools.cli", "loopback", "--source", folder, "--frames", "0",
         "--fps", "30", "--out", tmp_path / "out", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").glob("0*.png"))) < 10 and time.monotonic() < deadline:
        time.sleep(0.05)
    (folder / "0.png").unlink()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6, err
    assert "Traceback" not in err
    s = json.loads(out)
    assert s["sent"] >= 10 and s["lost"] == 0
    assert s["decoded"] == len((tmp_path / "out/frames.jsonl").read_text().splitlines())


def test_a_slow_sink_holds_the_sender_back(photos):
    """Nothing is dropped, and only so many pictures are under way at once."""
    from fractions import Fraction

    from percast.blocks.channel import ChannelConfig
    from percast.blocks.images import open_sink, open_source
    from percast.blocks.stats.scoring import Scorer
    from percast.blocks.waveform.profile import open_profile
    from percast.engines.codecs.learned import LearnedCodec
    from percast.flowgraphs.loopback import Loopback
    from percast.flowgraphs.run import run

    ahead = []

    def slowly(record: dict) -> None:
        ahead.append(graph.transmitter.source.sent - len(ahead))
        time.sleep(0.03)

    with (
        LearnedCodec("base", Fraction(1, 192)) as codec,
        open_source(str(photos), size=(64, 64), frames=200) as pictures,
    ):
        graph = Loopback(
            pictures, codec, open_profile(), ChannelConfig(snr_db=20.0), open_sink(None),
            Scorer(()), slowly,
        )  # fmt: skip
        ending = run(graph)
        ending.check()
    assert len(ahead) == 200
    assert max(ahead) < 60  # what the flowgraph's buffers hold of such short packets


def test_nothing_received_is_exit_5(percast, small_photos):
    run = percast("loopback", "--source", small_photos, "--snr", -25, "--json")
    assert run.code == 5
    assert "nothing was received" in run.complaint
    assert run.json["received"] == 0 and run.json["snr_db_measured"] is None


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_stops_cleanly_and_keeps_results(popen, small_photos, tmp_path, signals):
    process = popen(
        [sys.executable, "-m", "percast.tools.cli", "loopback", "--source", small_photos,
         "--frames", "0", "--out", tmp_path, "--json", "--fps", "20"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("0*.png"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    kept = len((tmp_path / "frames.jsonl").read_text().splitlines())
    assert kept == len(list(tmp_path.glob("*.png"))) >= 5
    if signals == 1:
        assert json.loads(out)["lost"] == 0


def test_a_full_disk_ends_the_run_and_keeps_what_arrived(photos, tmp_path):
    """The file size limit of the process stands in for the disk: one picture is too big."""
    import resource

    small = tmp_path / "in"
    small.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(small / "0.png")
    Image.fromarray(rng.integers(0, 255, (512, 512, 3)).astype(np.uint8)).save(small / "1.png")
    limit = 100_000
    run = subprocess.run(
        [sys.executable, "-m", "percast.tools.cli", "loopback", "--source", small,
         "--out", tmp_path / "out", "--cbr", "1/16"],
        capture_output=True, text=True, timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert run.returncode == 6, run.stderr
    assert "Traceback" not in run.stderr
    assert [p.name for p in (tmp_path / "out").glob("*.png")] == ["000000.png"]
    assert len((tmp_path / "out/frames.jsonl").read_text().splitlines()) == 1
