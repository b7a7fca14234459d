# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys

import zmq
import zmq.auth

from percast.blocks.images import decode_message


def free_address() -> str:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
    return f"tcp://127.0.0.1:{port}"


def test_keys_are_made_once_and_named(percast, tmp_path):
    run = percast("keys", tmp_path / "k", "viewer", "camera")
    assert run.code == 0 and len(run.out.splitlines()) == 6
    before = (tmp_path / "k/server.key").read_text()
    again = percast("keys", tmp_path / "k", "viewer", "third")
    assert [line.rpartition("/")[2] for line in again.out.splitlines()] == [
        "third.key", "third.key_secret",
    ]  # fmt: skip
    assert (tmp_path / "k/server.key").read_text() == before
    assert percast("keys", tmp_path / "k", "../x").code == 2
    (tmp_path / "file").write_text("")
    assert percast("keys", tmp_path / "file", "viewer").code == 6


def test_a_link_publishes_to_whoever_has_keys(percast, small_photos, tmp_path):
    keys, address = tmp_path / "k", free_address()
    percast("keys", keys, "viewer")
    link = subprocess.Popen(
        [sys.executable, "-m", "percast.tools.cli", "loopback", "--source", small_photos,
         "--frames", "0", "--fps", "20", "--metrics", "none", "--out", f"zmq:{address}",
         "--zmq-keys", keys],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with zmq.Context() as context:
            viewer, stranger = context.socket(zmq.SUB), context.socket(zmq.SUB)
            secret = keys / "viewer.key_secret"
            viewer.curve_publickey, viewer.curve_secretkey = zmq.auth.load_certificate(secret)
            viewer.curve_serverkey = zmq.auth.load_certificate(keys / "server.key")[0]
            for socket in (viewer, stranger):
                socket.linger = 0
                socket.subscribe(b"")
                socket.connect(address)
            assert viewer.poll(60_000)
            rgb, header = decode_message(viewer.recv_multipart())
            assert rgb.shape == (64, 64, 3) and "snr_db" in header
            assert not stranger.poll(300)
            context.destroy(linger=0)
    finally:
        link.terminate()
        link.communicate(timeout=30)
    assert link.returncode == 130


def test_other_machines_need_keys(percast, small_photos, tmp_path):
    link = ("loopback", "--source", small_photos, "--out", "zmq:tcp://0.0.0.0:*")
    run = percast(*link)
    assert run.code == 2 and "--zmq-keys" in run.complaint
    run = percast(*link, "--zmq-keys", tmp_path)
    assert run.code == 6 and "percast keys" in run.complaint
