# SPDX-License-Identifier: GPL-3.0-or-later
"""Transmitter and receiver as commands of their own."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import zmq

from percast.blocks.waveform.profile import open_profile
from percast.blocks.waveform.transmit import modulate
from percast.tools.cli import build_parser
from percast.tools.verbs.rx import RxConfig, receive
from tests.blocks.waveform.conftest import Link
from tests.conftest import crowding, load

PACKET = open_profile().of("short").packet_len(22)  # samples: 256x256 at 1/48


@pytest.fixture(scope="module")
def recording(percast, photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "six.sigmf-meta"
    run = percast("tx", "--source", photos, "--device", "file", "--args", path, "--json",
                  "--callsign", "DK0XX")  # fmt: skip
    assert run.code == 0, run.err
    assert run.json["sent"] == 6
    return path


def test_a_recording_holds_a_note_for_every_packet(recording):
    notes = json.loads(recording.read_text())["annotations"]
    assert [n["core:label"] for n in notes] == ["percast packet"] * 6
    assert all(n["core:sample_count"] == PACKET for n in notes)


def test_replay_gives_the_same_pictures_twice_to_the_bit(percast, recording, photos, tmp_path):
    for name in "ab":
        run = percast("replay", recording, "--out", tmp_path / name, "--json",
                      "--reference", photos, "--metrics", "psnr")  # fmt: skip
        assert run.code == 0, run.err
        s = run.json
        assert s["received"] == 6 and s["sent"] is None and s["latency_ms"]["p50"] is None
        assert s["psnr_db"] > 22
        assert s["real_time_ratio"] == pytest.approx(s["samples_per_second"] / s["samp_rate"])
    for file in sorted((tmp_path / "a").glob("*.png")):
        np.testing.assert_array_equal(load(file), load(tmp_path / "b" / file.name))
    lines = [(tmp_path / name / "frames.jsonl").read_text() for name in "ab"]
    figures = [
        [{k: v for k, v in json.loads(x).items() if k != "decoded_at"} for x in t.splitlines()]
        for t in lines
    ]
    assert figures[0] == figures[1]


def test_originals_of_another_size_are_told_and_counted(percast, recording, small_photos):
    run = percast("replay", recording, "--reference", small_photos)
    assert run.code == 0, run.err
    (line,) = [x for x in run.err.splitlines() if "--size" in x]
    assert "64x64" in line and "256x256" in line
    assert re.search(r"PSNR -.*\n +6 pictures without figures", run.out)
    run = percast("replay", recording, "--reference", small_photos, "--size", "256x256", "--json",
                  "--metrics", "psnr")  # fmt: skip
    assert run.code == 0 and "--size" not in run.err
    assert run.json["mismatched"] == 0 and run.json["psnr_db"] is not None


def test_replay_tells_how_fast_it_was(percast, recording):
    run = percast("replay", recording, "--realism", 0.5)
    assert run.code == 0, run.err
    assert re.search(r"^pictures +6 received, 0 headers lost, 0 dropped", run.out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d Msps, \d+\.\d x real time$", run.out, re.MULTILINE)


def test_replay_takes_another_realism(percast, recording, photos):
    psnr = []
    for realism in (0, 1):
        run = percast("replay", recording, "--realism", realism, "--json", "--reference", photos,
                      "--metrics", "psnr")  # fmt: skip
        psnr.append(run.json["psnr_db"])
    assert psnr[0] > psnr[1]


@pytest.mark.parametrize("suffix", ["cf32", "cs8"])
def test_raw_recordings_are_replayed(percast, photos, tmp_path, suffix):
    path = tmp_path / f"r.{suffix}"
    percast("tx", "--source", photos, "--device", "file", "--args", path, "--frames", 2)
    run = percast("replay", path, "--samp-rate", "4M", "--json")
    assert run.json["received"] == 2


def test_damaged_recordings_keep_what_can_be_decoded(percast, recording, tmp_path):
    """Bit flips, NaN, a hole and a cut: what is whole still arrives, nothing is invented."""
    x = np.fromfile(recording.with_name("six.sigmf-data"), np.complex64)
    rng = np.random.default_rng(0)
    damaged = x.copy()
    pitch = PACKET + 512
    bits = damaged[pitch : pitch + 2480].view(np.uint32)
    flipped = (rng.random(bits.shape) < 0.02).astype(np.uint32)
    bits ^= flipped << rng.integers(0, 32, bits.shape).astype(np.uint32)
    damaged[2 * pitch : 2 * pitch + 60] = np.nan
    damaged[3 * pitch : 4 * pitch] = 0
    damaged = damaged[: 5 * pitch + 4000]
    damaged.tofile(tmp_path / "d.cf32")
    run = percast("replay", tmp_path / "d.cf32", "--json", "--out", tmp_path / "out")
    assert run.code == 0, run.err
    ids = [json.loads(x)["id"] for x in (tmp_path / "out/frames.jsonl").read_text().splitlines()]
    # The header of the last one was whole, its payload was not: it may appear, as mere noise.
    assert {0, 4} <= set(ids) <= {0, 1, 2, 4, 5}


def test_a_foreign_packet_is_counted_and_the_rest_arrives(percast, recording, tmp_path):
    x = np.fromfile(recording.with_name("six.sigmf-data"), np.complex64)
    link = Link()
    header = link.header(image=0, symbols=4096, model=b"else")
    (packet,) = modulate(link.profile, header, np.ones(4096, np.complex64))
    np.concatenate([packet * np.float32(0.25), np.zeros(600), x]).astype(np.complex64).tofile(
        tmp_path / "f.cf32"
    )
    run = percast("replay", tmp_path / "f.cf32", "--json", "--out", tmp_path / "out")
    assert run.code == 0, run.err
    assert run.json["decoded"] == 6 and run.json["received"] == 7
    (reason,) = run.json["foreign"]
    assert run.json["foreign"][reason] == 1 and b"else".hex() in reason
    percast_only = packet * np.float32(0.25)
    np.pad(percast_only, 3000).astype(np.complex64).tofile(tmp_path / "only.cf32")
    assert percast("replay", tmp_path / "only.cf32").code == 4


@pytest.mark.parametrize("frames", [1, 4])
def test_a_receiver_stops_after_so_many_pictures(recording, tmp_path, frames):
    """Not after those that lie in the samples at hand, too."""
    args = ("replay", recording, "--frames", frames, "--out", tmp_path, "--metrics", "none")
    args = build_parser(["replay"]).parse_args([str(arg) for arg in args])
    summary, ending = receive(RxConfig.from_args(args))
    assert ending.error is None and not ending.interrupted
    lines = (tmp_path / "frames.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [*range(frames)]
    assert (summary["received"], summary["decoded"], summary["dropped"]) == (frames, frames, 0)


def test_ctrl_c_ends_a_receiver_that_hears_nothing(popen, tmp_path):
    process = popen(
        [sys.executable, "-m", "percast.tools.cli", "rx", "--device", "zmq", "--args",
         f"ipc://{tmp_path}/iq", "--json", "-v"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    missing = {"generator", "kernels"}  # told when they are ready
    while missing:
        line = process.stderr.readline()
        assert line, missing
        missing = {word for word in missing if word not in line}
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert json.loads(out)["received"] == 0
    assert time.monotonic() - start < 6 * crowding()


def test_a_receiver_ends_after_its_time(percast, tmp_path):
    device = ("--device", "zmq", "--args", f"ipc://{tmp_path}/iq")
    run = percast("rx", *device, "--seconds", 1, "--json")
    assert run.code == 5 and run.json["received"] == 0
    run = percast("rx", "--device", "zmq", "--seconds", 0)
    assert run.code == 2 and "--seconds" in run.complaint


def test_noise_gives_no_picture_and_exit_5(percast, tmp_path):
    rng = np.random.default_rng(1)
    rng.integers(-128, 128, 2_000_000).astype(np.int8).tofile(tmp_path / "n.cs8")
    run = percast("replay", tmp_path / "n.cs8", "--json")
    assert run.code == 5 and "nothing was received" in run.complaint


def test_a_missing_recording_is_exit_6(percast, tmp_path):
    run = percast("replay", tmp_path / "none.cf32")
    assert run.code == 6 and "no such recording" in run.complaint


def test_two_processes_over_zmq(popen, percast, photos, tmp_path):
    address = f"ipc://{tmp_path}/iq"
    receiver = popen(
        [sys.executable, "-m", "percast.tools.cli", "rx", "--device", "zmq", "--args", address,
         "--frames", "20", "--json", "--out", tmp_path / "out", "-v"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert any("generator" in line for line in receiver.stderr)  # told when it is ready
    # At no pace: a busy machine drops pictures to keep it, and the receiver waits for them.
    sender = percast("tx", "--source", photos, "--size", "64x64", "--frames", 20,
                     "--device", "zmq", "--args", address, "--json")  # fmt: skip
    assert sender.json["sent"] == 20
    out, err = receiver.communicate(timeout=60)
    assert receiver.returncode == 0, err
    assert json.loads(out)["received"] >= 20
    s = json.loads(out)
    assert len(list((tmp_path / "out").glob("*.png"))) == s["decoded"] >= 20 - s["dropped"]


def test_messages_that_hold_no_whole_samples_are_dropped_and_counted(popen, recording, tmp_path):
    address = f"ipc://{tmp_path}/iq"
    samples = recording.with_name("six.sigmf-data").read_bytes()
    with zmq.Context.instance().socket(zmq.PUSH) as sender:
        sender.bind(address)
        receiver = popen(
            [sys.executable, "-m", "percast.tools.cli", "rx", "--device", "zmq", "--args", address,
             "--frames", "6", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for start in range(0, len(samples), 80_000):
            sender.send(b"abc")
            sender.send_multipart([samples[:8], b"12345678"])
            sender.send(samples[start : start + 80_000])
        out, err = receiver.communicate(timeout=60)
    assert receiver.returncode == 0, err
    s = json.loads(out)
    assert s["received"] == 6 and s["malformed"] >= 10


def test_samples_stay_on_this_machine(percast, photos):
    run = percast("tx", "--source", photos, "--device", "zmq", "--args", "tcp://0.0.0.0:5557")
    assert run.code == 2 and "127.0.0.1" in run.complaint


def test_a_taken_address_is_one_line(percast, photos):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        run = percast("tx", "--source", photos, "--device", "zmq", "--args", address)
    assert run.code == 2 and "choose another" in run.complaint
