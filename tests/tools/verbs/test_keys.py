# SPDX-License-Identifier: GPL-3.0-or-later
import errno
import subprocess
import sys

import pytest
import zmq
import zmq.auth

from percast.blocks.images import decode_message
from percast.blocks.images.zmq_keys import CurveServer, create_keys
from percast.errors import FileError


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


def test_a_link_publishes_to_whoever_has_keys(popen, percast, small_photos, tmp_path):
    keys, address = tmp_path / "k", free_address()
    percast("keys", keys, "viewer")
    link = popen(
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
        link.communicate(timeout=90)
    assert link.returncode == 130


def test_other_machines_need_keys(percast, small_photos, tmp_path):
    link = ("loopback", "--source", small_photos, "--out", "zmq:tcp://0.0.0.0:*")
    run = percast(*link)
    assert run.code == 2 and "--zmq-keys" in run.complaint
    run = percast(*link, "--zmq-keys", tmp_path)
    assert run.code == 6 and "percast keys" in run.complaint


def halves(folder, name):
    public = folder / "server.key" if name == "server" else folder / f"clients/{name}.key"
    return public, folder / f"{name}.key_secret"


@pytest.mark.parametrize("rest", [b"", b"# half a banner", b'curve\n    public-key = "abc"\n'])
@pytest.mark.parametrize("name", ["server", "viewer"])
@pytest.mark.parametrize("left", ["public", "secret", "both"])
def test_what_a_full_disk_left_is_made_good(percast, tmp_path, name, left, rest):
    """One half was never whole, and the other one is there to tell it or was never made."""
    create_keys(tmp_path, ["viewer"])
    public, secret = halves(tmp_path, name)
    before = zmq.auth.load_certificate(secret)
    if left == "secret":
        public.unlink()
    if left in ("secret", "both"):
        secret.write_bytes(rest)
    if left in ("public", "both"):
        public.write_bytes(rest)
    if left == "public":  # the secret one tells it
        assert create_keys(tmp_path, ["viewer"]) == [public]
        assert zmq.auth.load_certificate(public) == (before[0], None)
    else:
        run = percast("keys", tmp_path, "viewer")
        assert run.code == 0 and run.out.split() == [str(public), str(secret)]
        assert str(secret) in run.err
    keys, secrets = zmq.auth.load_certificate(public)[0], zmq.auth.load_certificate(secret)
    assert zmq.curve_public(secrets[1]) == secrets[0] == keys
    CurveServer(tmp_path).close()
    assert create_keys(tmp_path, ["viewer"]) == []
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(
        ["clients", "server.key", "server.key_secret", "viewer.key", "viewer.key_secret"]
    )


@pytest.mark.parametrize("name", ["server", "viewer"])
def test_a_secret_that_nobody_can_make_again_is_not_replaced(percast, tmp_path, name):
    create_keys(tmp_path, ["viewer", "other"])
    public, secret = halves(tmp_path, name)
    kept, good = public.read_bytes(), secret.read_bytes()
    for damage in (b"", good[:-30], (tmp_path / "other.key_secret").read_bytes()):
        secret.write_bytes(damage)
        run = percast("keys", tmp_path, "viewer")
        assert run.code == 6 and str(secret) in run.complaint
        assert (public.read_bytes(), secret.read_bytes()) == (kept, damage)
    secret.unlink()  # moved to the client's machine, where it belongs
    assert percast("keys", tmp_path, "viewer").code == (6 if name == "server" else 0)


@pytest.mark.parametrize("file", ["server.key", "server.key_secret", "clients/viewer.key"])
@pytest.mark.parametrize("rest", [b"", b'public-key = "\xff"', b'public-key = "' + b"a" * 35])
def test_a_damaged_key_is_named_where_it_is_used(tmp_path, file, rest):
    create_keys(tmp_path, ["viewer"])
    (tmp_path / file).write_bytes(rest)
    with pytest.raises(FileError, match=f"{file}.*percast keys"):
        CurveServer(tmp_path)


def test_a_full_disk_leaves_no_key(tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(full))
    with pytest.raises(FileError, match="No space left"):
        create_keys(tmp_path, ["viewer"])
    assert [p.name for p in tmp_path.rglob("*")] == ["clients"]
    monkeypatch.undo()
    assert len(create_keys(tmp_path, ["viewer"])) == 4
