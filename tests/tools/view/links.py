# SPDX-License-Identifier: GPL-3.0-or-later
"""A link in a process of its own, with its page."""

import contextlib
import json
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator


class Link:
    """A running `percast` with `--view`.

    Attributes:
        address: of the page, with "/" at the end; with a fragment where there is a token.
        lines: that came on stderr so far.
    """

    more: tuple[str, ...] = ("--view", "--json")

    def __init__(self, *argv: object):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "percast.tools.cli", *map(str, argv), *self.more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        addresses: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            for line in self.process.stderr:
                self.lines.append(line)
                if found := re.match(r"view: (http\S+)", line):
                    addresses.put(found[1])
            addresses.put(None)  # it has ended

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        try:
            self.address = addresses.get(timeout=100)
        except queue.Empty:
            self.address = None
        if self.address is None:
            self.process.kill()
            self.process.wait()
            self._reader.join(10)
            raise AssertionError("no page: " + "".join(self.lines))

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.address)[1])

    @property
    def token(self) -> str | None:
        found = re.search(r"#token=(\S+)", self.address)
        return found and found[1]

    def call(
        self, path: str, body: bytes | dict | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body of an HTTP call; POST where there is a body."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, named)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def figures(self, **headers: str) -> dict:
        status, body = self.call("/api/figures", **headers)
        assert status == 200, body
        return json.loads(body)

    def decoded(self, **headers: str) -> int:
        stats = self.figures(**headers)["stats"]
        return stats["receiver"]["images"]["decoded"]

    def wait_for_more(self, pictures: int = 3, **headers: str) -> None:
        """Wait until some more pictures have come."""
        until, end = self.decoded(**headers) + pictures, time.monotonic() + 60
        while self.decoded(**headers) < until:
            assert time.monotonic() < end and self.process.poll() is None, "".join(self.lines)
            time.sleep(0.2)

    def end(self) -> tuple[int, dict]:
        """Ctrl-C; gives the exit code and the JSON object."""
        self.process.send_signal(signal.SIGINT)
        out = self.process.stdout.read()
        code = self.process.wait(60)
        self._reader.join(10)
        return code, json.loads(out)


class Viewer(Link):
    """A running `percast view`."""

    more = ()


def free_port() -> int:
    """That was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextlib.contextmanager
def running(*argv: object, kind: type[Link] = Link) -> Iterator[Link]:
    """A link that is no more afterwards."""
    link = kind(*argv)
    try:
        yield link
    finally:
        if link.process.poll() is None:
            link.process.kill()
            link.process.wait()


def loopback(photos, *more: object) -> tuple:
    """Arguments of an endless loopback with few pictures a second."""
    return (
        "loopback", "--source", photos, "--frames", 0, "--fps", 10, "--size", "128x128",
        "--metrics", "psnr", "--view-port", 0, *more,
    )  # fmt: skip


def unpack(data: bytes) -> tuple[dict, list[bytes]]:
    """Head and parts of a picture's message."""
    (length,) = struct.unpack_from(">I", data)
    head, rest, parts = json.loads(data[4 : 4 + length]), data[4 + length :], []
    for size in head["bytes"]:
        parts.append(rest[:size])
        rest = rest[size:]
    assert not rest
    return head, parts
