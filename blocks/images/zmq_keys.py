# SPDX-License-Identifier: GPL-3.0-or-later
"""CURVE keys for ZeroMQ ports that other machines reach: who may connect, and encryption.

A folder of keys, in the files of `zmq.auth`:
    server.key           public; clients need it
    server.key_secret    ours
    clients/NAME.key     public keys of those who may connect
    NAME.key_secret      of a client whose pair was made here; belongs on the client's machine

Source: https://rfc.zeromq.org/spec/25 (CurveZMQ), https://rfc.zeromq.org/spec/27 (ZAP).
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from percast.errors import FileError, UsageError

_SERVER, _CLIENTS = "server", "clients"


class CurveServer:
    """Lets only known clients connect to the sockets of a context.

    Args:
        folder: of keys, as `create_keys` makes it.

    Raises:
        FileError: it holds no usable keys.
        UsageError: the installed libzmq cannot encrypt.
    """

    def __init__(self, folder: str | Path):
        if not zmq.has("curve"):
            raise UsageError("--zmq-keys: the installed libzmq was built without CURVE")
        self._clients = Path(folder) / _CLIENTS
        secret = Path(folder) / f"{_SERVER}.key_secret"
        try:
            self._public, self._secret = zmq.auth.load_certificate(secret)
            if not zmq.auth.load_certificates(self._clients):
                raise ValueError(f"no NAME.key in {self._clients}: nobody could connect")
            if self._secret is None:
                raise ValueError(f"no secret key in {secret}")
        except (OSError, ValueError, IndexError) as error:
            raise FileError(
                f"--zmq-keys {folder}: {error}; `percast keys {folder} NAME` makes keys"
            ) from error
        self._authenticator: ThreadAuthenticator | None = None

    def protect(self, context: zmq.Context, socket: zmq.Socket) -> None:
        """Guard a socket of `context`, which must be this server's own, before it is bound."""
        if self._authenticator is None:
            self._authenticator = ThreadAuthenticator(context)
            self._authenticator.start()
            self._authenticator.configure_curve(domain="*", location=str(self._clients))
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = self._public, self._secret

    def close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None


def create_keys(folder: str | Path, clients: Iterable[str]) -> list[Path]:
    """Make what is missing of the server's pair and of each named client's.

    Returns:
        The files that were made.

    Raises:
        UsageError: a name that is none.
        FileError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in clients:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name == _SERVER:
            raise UsageError(f"percast keys: {name!r} is no client's name (letters, digits, - _)")
    made = []
    try:
        (folder / _CLIENTS).mkdir(parents=True, exist_ok=True)
        for name in (_SERVER, *clients):
            public = (
                folder / f"{name}.key" if name == _SERVER else folder / _CLIENTS / f"{name}.key"
            )
            secret = folder / f"{name}.key_secret"
            if public.exists() or secret.exists():
                continue
            before = os.umask(0o077)
            try:
                zmq.auth.create_certificates(folder, name)
            finally:
                os.umask(before)
            os.replace(folder / f"{name}.key", public)
            made += [public, secret]
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from error
    return made
