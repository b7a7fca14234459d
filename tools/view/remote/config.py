# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of `percast view`."""

from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.images.zmq_keys import CurveClient
from percast.flowgraphs.config import RunConfig
from percast.settings import REQUIRED, SettingError, Settings, like, setting
from percast.tools.view.config import ViewConfig

_SCHEME = "zmq:"
_TRANSPORTS = ("tcp://", "ipc://")


@dataclass(frozen=True)
class ConnectConfig(Settings):
    """Which receiver to watch, and where the page of it is.

    Args:
        connect: zmq:tcp://HOST:PORT, as its `--out` has it.
        host, port: of the page; see `ViewConfig`.
        zmq_keys: folder with the receiver's public key and one's own pair; None without keys.
        zmq_client: whose pair, where the folder has several.
        control: address of the receiver's control socket; None without.
    """

    group = "view"

    connect: str = setting(
        REQUIRED, "--connect", "receiver to watch, as its --out has it: zmq:tcp://HOST:PORT",
        metavar="ADDRESS", parse=str,
    )  # fmt: skip
    host: str = like(
        ViewConfig, "host", "127.0.0.1",
        "address of the page; others than this machine's own need the token that is printed "
        "(default %(default)s)", flag="--host",
    )  # fmt: skip
    port: int = like(
        ViewConfig, "port", 8765,
        "port of the page, 0 = any that is free (default %(default)s)", flag="--port",
    )  # fmt: skip
    zmq_keys: str | None = setting(
        None, "--zmq-keys", "folder with server.key and NAME.key_secret (see `percast keys`)",
        metavar="DIR", parse=str,
    )  # fmt: skip
    zmq_client: str | None = setting(
        None, "--zmq-client", "which key, where the folder has several", metavar="NAME", parse=str
    )
    control: str | None = setting(
        None, "--control", "control socket of that receiver, as its --control has it, on this "
        "machine: what it can do can then be done from the page", metavar="ADDRESS", parse=str,
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        if not self.address.startswith(_TRANSPORTS) or self.address.endswith("://"):
            yield SettingError("connect", f"{self.connect}: give zmq:tcp://HOST:PORT")
        if self.zmq_client is not None and self.zmq_keys is None:
            yield SettingError("zmq_client", "goes with --zmq-keys")
        yield from self.page.check()
        try:
            RunConfig(control=self.control)
        except SettingError as error:
            yield SettingError("control", error.reason)

    @property
    def address(self) -> str:
        """For a socket to connect to."""
        return self.connect.removeprefix(_SCHEME) if self.connect.startswith(_SCHEME) else ""

    @property
    def page(self) -> ViewConfig:
        """Where the page is served."""
        checked = object.__new__(ViewConfig)  # `check` tells what is wrong, with our flags
        for name, value in {"view": True, "host": self.host, "port": self.port}.items():
            object.__setattr__(checked, name, value)
        return checked

    def keys(self) -> CurveClient | None:
        """Raises what `CurveClient` does."""
        return None if self.zmq_keys is None else CurveClient(self.zmq_keys, self.zmq_client)
