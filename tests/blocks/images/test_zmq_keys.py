# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys for sockets that other machines reach."""

import contextlib
import socket as sockets
import threading
import time

import numpy as np
import pytest
import zmq
import zmq.auth

from percast.blocks.images import decode_message, encode_message, open_sink, open_source
from percast.blocks.images.zmq_keys import create_keys
from percast.errors import FileError, UsageError

pytestmark = pytest.mark.timeout(60)

ANY_PORT = "zmq:tcp://127.0.0.1:*"


@pytest.fixture
def keys(tmp_path):
    """A folder of keys with two clients, and a stranger's beside it."""
    folder = tmp_path / "keys"
    made = create_keys(folder, ["viewer", "camera"])
    assert len(made) == 6 and create_keys(folder, ["viewer"]) == []
    create_keys(tmp_path / "strangers", ["stranger"])
    return folder


def unlocked(socket, folder, name, server="server"):
    """Give a client's socket its keys before it connects; the socket."""
    secret = folder / f"{name}.key_secret"
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(secret)
    socket.curve_serverkey = zmq.auth.load_certificate(folder / f"{server}.key")[0]
    return socket


@pytest.fixture
def client():
    """Connects a socket with keys, or without."""
    with zmq.Context() as context:
        sockets = []

        def connect(kind, address, *lock):
            socket = context.socket(kind)
            socket.linger = 0
            if kind == zmq.SUB:
                socket.subscribe(b"")
            if lock:
                unlocked(socket, *lock)
            socket.connect(address.replace("0.0.0.0", "127.0.0.1"))
            sockets.append(socket)
            return socket

        yield connect
        context.destroy(linger=0)


def intruders(client, kind, address, keys):
    """One without keys, one whose key nobody knows, one that takes us for somebody else."""
    stranger, public = keys.parent / "strangers", keys / "server.key"
    mixed = keys.parent / "mixed"
    mixed.mkdir()
    (mixed / "server.key").write_bytes(public.read_bytes())
    (mixed / "stranger.key_secret").write_bytes((stranger / "stranger.key_secret").read_bytes())
    return [client(kind, address), client(kind, address, mixed, "stranger"),
            client(kind, address, stranger, "stranger")]  # fmt: skip


def test_with_keys_only_known_clients_push_pictures(client, keys, make_rgb):
    with open_source("zmq:tcp://0.0.0.0:*", frames=2, zmq_keys=keys) as source:
        for socket in intruders(client, zmq.PUSH, source.address, keys):
            with contextlib.suppress(zmq.Again):  # it has been shown the door already
                picture = encode_message(make_rgb(64, 64), {"name": "intruder"})
                socket.send_multipart(picture, zmq.NOBLOCK)
        time.sleep(0.3)
        for name in ("viewer", "camera"):
            push = client(zmq.PUSH, source.address, keys, name)
            push.send_multipart(encode_message(make_rgb(64, 64), {"name": name}))
        assert {picture.name for picture in source} == {"viewer", "camera"}
        assert source.malformed == 0


def test_with_keys_only_known_clients_hear_pictures(client, keys, make_rgb):
    with open_sink("zmq:tcp://0.0.0.0:*", zmq_keys=keys) as sink:
        strangers = intruders(client, zmq.SUB, sink.address, keys)
        viewer = client(zmq.SUB, sink.address, keys, "viewer")
        deadline = time.monotonic() + 20
        while not viewer.poll(20) and time.monotonic() < deadline:
            sink.write(make_rgb(64, 64), {"id": 1})
        np.testing.assert_array_equal(decode_message(viewer.recv_multipart())[0], make_rgb(64, 64))
        assert not any(socket.poll(200) for socket in strangers)


def test_what_travels_is_encrypted(client, keys, make_rgb):
    """A plain TCP listener in between sees none of the header's words."""
    with open_source(ANY_PORT, frames=1, zmq_keys=keys) as source:
        seen = bytearray()
        relay = sockets.create_server(("127.0.0.1", 0))
        port = int(source.address.rpartition(":")[2])

        def pump(a, b):
            while data := a.recv(65536):
                seen.extend(data)
                b.sendall(data)

        def serve():
            inner = relay.accept()[0]
            outer = sockets.create_connection(("127.0.0.1", port))
            threading.Thread(target=pump, args=(outer, inner), daemon=True).start()
            pump(inner, outer)

        threading.Thread(target=serve, daemon=True).start()
        address = f"tcp://127.0.0.1:{relay.getsockname()[1]}"
        push = client(zmq.PUSH, address, keys, "camera")
        push.send_multipart(encode_message(make_rgb(64, 64), {"name": "camera"}))
        assert len(list(source)) == 1
        relay.close()
    assert b"CURVE" in seen and b"camera" not in seen and b"percast" not in seen


def test_secret_keys_are_for_their_owner_only(keys):
    for secret in keys.glob("*.key_secret"):
        assert secret.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("opener", [open_source, open_sink])
def test_a_folder_without_usable_keys_is_one_line(opener, keys, tmp_path):
    with pytest.raises(FileError, match="percast keys") as caught:
        opener("zmq:tcp://0.0.0.0:*", zmq_keys=tmp_path)
    assert "\n" not in str(caught.value)
    for key in (keys / "clients").iterdir():
        key.unlink()
    with pytest.raises(FileError, match="nobody could connect"):
        opener("zmq:tcp://0.0.0.0:*", zmq_keys=keys)
    (keys / "server.key_secret").write_text("curve\n")
    with pytest.raises(FileError, match="percast keys"):
        opener("zmq:tcp://0.0.0.0:*", zmq_keys=keys)


def test_a_name_that_leads_elsewhere_is_no_clients_name(tmp_path):
    for name in ("../x", "server", "", "a b"):
        with pytest.raises(UsageError, match="client's name"):
            create_keys(tmp_path, [name])
