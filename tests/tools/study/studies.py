# SPDX-License-Identifier: GPL-3.0-or-later
"""Small studies, and a server in a process of its own."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from percast.tools.study.config import PlanConfig, RuleConfig
from percast.tools.study.folders import pictures_in
from percast.tools.study.make import make
from percast.tools.study.plan import Folder

BLURRED, NOISY = "percast@1/96", "hevc-ldpc@1/48"


def degraded(photos: Path, out: Path, side: int = 96) -> dict[str, Path]:
    """Folders of originals, of blurred and of noisy copies: the first compress to a third of the
    others' bytes."""
    folders = {name: out / name.partition("@")[0] for name in ("original", BLURRED, NOISY)}
    draw = np.random.default_rng(0)
    for folder in folders.values():
        folder.mkdir(parents=True)
    for path in sorted(photos.glob("*.png")):
        with Image.open(path) as image:
            picture = image.convert("RGB").crop((0, 0, side, side))
        noise = np.asarray(picture) + draw.normal(0, 20, (side, side, 3))
        picture.save(folders["original"] / path.name)
        picture.filter(ImageFilter.GaussianBlur(2)).save(folders[BLURRED] / path.name)
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folders[NOISY] / path.name)
    return folders


def make_study(photos: Path, out: Path, side: int = 96, **plan: object) -> Folder:
    """A study of blurred against noisy."""
    folders = degraded(photos, out / "pictures", side)
    conditions = {name: pictures_in(folders[name]) for name in (BLURRED, NOISY)}
    config = PlanConfig(**{"trials": 16, "repeats": 2, "catches": 2, "seed": 1} | plan)
    return make(out / "study", pictures_in(folders["original"]), conditions, config, RuleConfig())


class Served:
    """A running `percast study serve`.

    Attributes:
        invitation: its link.
        port: that it listens on.
    """

    def __init__(self, study: Path, *more: object):
        if "--port" not in more:
            with socket.create_server(("127.0.0.1", 0)) as free:
                more = ("--port", free.getsockname()[1], *more)
        self.port = int(more[more.index("--port") + 1])
        words = ["study", "serve", study, *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "percast.tools.cli", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in self.process.stderr:
            if found := re.match(r"study: (\S+)", line):
                self.invitation = found[1]
                break
        else:
            raise AssertionError("it did not start")

    def end(self) -> tuple[int, str, str]:
        """Ctrl-C; exit code, stdout and stderr."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextlib.contextmanager
def served(study: Path, *more: object) -> Iterator[Served]:
    """A server that is no more afterwards."""
    server = Served(study, *more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


class Caller:
    """Calls as the page makes them, over one connection.

    Args:
        port: of the server.
        token: of an observer, or of the invitation.
    """

    def __init__(self, port: int, token: str):
        self.port, self.token = port, token
        self._used = time.monotonic()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """Status, headers, body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Authorization": f"Bearer {self.token}"} | named
        if time.monotonic() - self._used > 2:  # the server closes what is idle
            self._connection.close()
        self._used = time.monotonic()
        self._connection.request(method, path, body, named)
        reply = self._connection.getresponse()
        return reply.status, reply.getheaders(), reply.read()

    def call(self, name: str, message: object = None) -> dict:
        """The JSON of a reply that went well."""
        status, _, body = self.ask("POST", f"/api/{name}", json.dumps(message or {}).encode())
        assert status == 200, body
        return json.loads(body)

    def joined(self) -> "Caller":
        """A new observer who has agreed, by this invitation."""
        observer = Caller(self.port, self.call("join")["observer"])
        asked = [""] * len(observer.call("hello")["asks"])
        observer.call("begin", {"agree": True, "asked": asked, "display": {"pixel_ratio": 1}})
        return observer

    def answer(self, trial: dict, choice: str, **more: object) -> dict:
        given = {"reaction_ms": 900.5, "original_ms": 0, "shows": 1, "zoom": 1, "pixel_ratio": 1}
        return self.call("answer", given | {"trial": trial["trial"], "choice": choice} | more)

    def picture(self, name: str) -> bytes:
        status, _, body = self.ask("GET", f"/api/picture/{name}")
        assert status == 200, body
        return body


def token_of(link: str) -> str:
    return link.partition("=")[2]


def made(study, folders, out, *more):
    """`percast study make` of both conditions."""
    conditions = [f"{name}={folders[name]}" for name in (BLURRED, NOISY)]
    reference = () if "--reference" in more else ("--reference", folders["original"])
    return study("make", *conditions, *reference, "--out", out, *more)
