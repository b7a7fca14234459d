# SPDX-License-Identifier: GPL-3.0-or-later
"""CURVE keys for ZeroMQ ports that other machines reach: who may connect, and encryption.

A folder of keys, in the files of `zmq.auth`:
    server.key           public; clients need it
    server.key_secret    ours
    clients/NAME.key     public keys of those who may connect
    NAME.key_secret      of a client whose pair was made here; belongs on the client's machine

Source: https://rfc.zeromq.org/spec/25 (CurveZMQ), https://rfc.zeromq.org/spec/27 (ZAP).
"""

import contextlib
import logging
import os
import re
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from percast.errors import FileError, UsageError

log = logging.getLogger(__name__)

_SERVER, _CLIENTS = "server", "clients"
_KEY_BYTES = 32


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
            if (pair := _read_pair(secret)) is None:
                raise ValueError(f"there is no {secret.name}")
            self._public, self._secret = pair
            if _read_public(secret.with_suffix(".key")) not in (None, self._public):
                raise ValueError(f"{_SERVER}.key does not belong to {secret.name}")
            # As `zmq.auth` will read them again.
            if not [_read_public(path) for path in self._clients.glob("*.key")]:
                raise ValueError(f"no NAME.key in {self._clients}: nobody could connect")
        except (OSError, ValueError) as error:
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


class CurveClient:
    """One who may connect to a `CurveServer`.

    Args:
        folder: holds server.key and NAME.key_secret; the server's own will do.
        name: whose key; None where there is one only.
        asked: what names the folder, for errors.
        choose: what to do where there are several's keys.

    Raises:
        FileError: it holds no usable keys.
        UsageError: the installed libzmq cannot encrypt, or a name is needed.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str | None = None,
        asked: str = "--zmq-keys",
        choose: str = "give --zmq-client NAME",
    ):
        if not zmq.has("curve"):
            raise UsageError(f"{asked}: the installed libzmq was built without CURVE")
        folder = Path(folder)
        found = sorted(p.stem for p in folder.glob("*.key_secret") if p.stem != _SERVER)
        if name is None and len(found) > 1:
            names = ", ".join(found)
            raise UsageError(f"{asked} {folder}: there are keys of {names}: {choose}")
        secret = folder / f"{name or (found or ['NAME'])[0]}.key_secret"
        try:
            if (pair := _read_pair(secret)) is None:
                raise ValueError(f"there is no {secret.name}")
            if (server := _read_public(folder / f"{_SERVER}.key")) is None:
                raise ValueError(f"there is no {_SERVER}.key")
        except (OSError, ValueError) as error:
            raise FileError(
                f"{asked} {folder}: {error}; `percast keys` on the other machine makes both"
            ) from error
        self._public, self._secret = pair
        self._server = server

    def protect(self, socket: zmq.Socket) -> None:
        """Prepare a socket before it connects."""
        socket.curve_serverkey = self._server
        socket.curve_publickey, socket.curve_secretkey = self._public, self._secret


def create_keys(folder: str | Path, clients: Iterable[str]) -> list[Path]:
    """Make what is missing of the server's pair and of each named client's, or was left
    half-written by a full disk. A client's secret key may have gone to the client's machine.

    Returns:
        The files that were made.

    Raises:
        UsageError: a name that is none.
        FileError: the folder cannot be written, or half of a pair is damaged or lost that nobody
            can make again.
    """
    folder = Path(folder)
    for name in clients:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name == _SERVER:
            raise UsageError(f"percast keys: {name!r} is no client's name (letters, digits, - _)")
    try:
        (folder / _CLIENTS).mkdir(parents=True, exist_ok=True)
        made = _complete(folder, _SERVER, folder / f"{_SERVER}.key")
        for name in clients:
            made += _complete(folder, name, folder / _CLIENTS / f"{name}.key")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from error
    return made


def _complete(folder: Path, name: str, public: Path) -> list[Path]:
    """Make what a pair lacks; see `create_keys`."""
    secret = folder / f"{name}.key_secret"
    damaged = set()

    def usable(read, path: Path):
        try:
            return read(path)
        except ValueError:
            damaged.add(path)
            return None

    pair, lent = usable(_read_pair, secret), usable(_read_public, public)
    if pair and lent not in (None, pair[0]):
        raise FileError(f"{public} does not belong to {secret}: remove the one that is wrong")
    if pair and lent:
        return []
    if lent:
        if name != _SERVER and secret not in damaged:
            return []
        raise FileError(
            f"{secret} is {'damaged' if secret in damaged else 'missing'}: bring it back, or "
            f"remove it and {public} for a new pair"
        )
    for path in sorted(damaged):
        log.warning("%s held no key: it is made anew", path)
    with _beside(folder) as scratch:
        new_public, new_secret = scratch / f"{name}.key", scratch / f"{name}.key_secret"
        if pair:
            new_public.write_text(f'metadata\ncurve\n    public-key = "{pair[0].decode()}"\n')
        else:
            zmq.auth.create_certificates(scratch, name)
            _move(new_secret, secret)  # from which the public one can be told
        _move(new_public, public)
    return [public] if pair else [public, secret]


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder for what is not whole yet; what is made there is nobody else's to read."""
    before = os.umask(0o077)
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
            yield Path(scratch)
    finally:
        os.umask(before)


def _move(new: Path, path: Path) -> None:
    """Put a file in its place once all of it is on the disk.

    Raises:
        OSError: it is not, because the disk is full.
    """
    with new.open("rb") as file:
        os.fsync(file.fileno())
    (_read_pair if new.suffix == ".key_secret" else _read_public)(new)
    os.replace(new, path)


def _read_public(path: Path) -> bytes | None:
    """The public key in a file; None where there is no file.

    Raises:
        ValueError: it holds none.
    """
    if not path.exists():
        return None
    return _read(path)[0]


def _read_pair(path: Path) -> tuple[bytes, bytes] | None:
    """The public and the secret key in a file; None where there is no file.

    Raises:
        ValueError: it holds no pair.
    """
    if not path.exists():
        return None
    public, secret = _read(path)
    if secret is None or zmq.curve_public(secret) != public:
        raise ValueError(
            f"{path} is damaged: it holds no secret key, or not that of its public one"
        )
    return public, secret


def _read(path: Path) -> tuple[bytes, bytes | None]:
    """The keys in a file, in Z85 as `zmq` takes them."""
    try:
        keys = zmq.auth.load_certificate(path)
        whole = all(len(z85.decode(key)) == _KEY_BYTES for key in keys if key is not None)
    except (ValueError, LookupError, struct.error) as error:
        raise ValueError(f"{path} is damaged: it holds no key") from error
    if not whole:
        raise ValueError(f"{path} is damaged: its key is no whole one")
    return keys
