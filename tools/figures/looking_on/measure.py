# SPDX-License-Identifier: GPL-3.0-or-later
"""Two receivers side by side, and what looking at one of them costs it."""

import contextlib
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from percast.blocks.waveform.profile import WaveformConfig
from percast.errors import LinkError
from percast.tools.figures.looking_on import crowd
from percast.tools.figures.looking_on.air import Air
from percast.tools.figures.looking_on.processes import Running

_START_SECONDS = 600.0  # a machine may have much else to do
_SETTLE = 3.0  # seconds for receivers to compile and to fill their caches
_STEPS = 60  # looks at the memory of a soak


@dataclass(frozen=True)
class Setup:
    """What is sent, and how it is looked at.

    Args:
        source: folder of pictures.
        look: "page" or "zmq".
        fps: pictures/s.
        size: of them, "WxH".
        profile: waveform.
        samp_rate: samples/s; None for the profile's.
    """

    source: str
    look: str = "page"
    fps: float = 4.0
    size: str = "256x256"
    profile: str = "robust-2m"
    samp_rate: float | None = None

    @property
    def waveform(self) -> WaveformConfig:
        return WaveformConfig(profile=self.profile, samp_rate=self.samp_rate)

    def __str__(self) -> str:
        megasamples = self.waveform.open().samp_rate / 1e6
        return f"{self.size}, {self.fps:g} pictures/s, {self.profile} at {megasamples:g} Msps"


@dataclass(frozen=True)
class Bench:
    """A link on the air.

    Args:
        air: between them.
        plain, seen: the receivers: one at which nobody can look, and the other.
        look: gives so many who look at that.
        finish: ends all, and gives what came of it.
    """

    air: Air
    plain: Running
    seen: Running
    look: Callable[[int], contextlib.AbstractContextManager]
    finish: Callable[[], dict]


@contextlib.contextmanager
def on_air(setup: Setup) -> Iterator[Bench]:
    """Both receivers listening to one transmitter; killed afterwards if need be.

    Raises:
        LinkError: something did not start.
    """
    samp_rate = setup.waveform.open().samp_rate
    waveform = ("--profile", setup.profile, "--samp-rate", samp_rate)
    sender, published = (f"tcp://127.0.0.1:{_free_port()}" for _ in range(2))
    with contextlib.ExitStack() as stack:
        air = Air(samp_rate, sender, 2)
        stack.callback(air.close)

        def receive(i: int, *more: object, **how) -> Running:
            running = Running(
                "rx", "--device", "zmq", "--args", air.addresses[i], *waveform, "--size",
                setup.size, *more, **how,
            )  # fmt: skip
            stack.callback(running.kill)
            return running

        plain = receive(0)
        if setup.look == "page":
            seen = receive(1, "--view", "--view-port", 0, page=True)
        else:
            seen = receive(1, "--out", f"zmq:{published}")
        _wait_until_heard(air, plain, seen)
        sending = Running(
            "tx", "--device", "zmq", "--args", sender, *waveform, "--source", setup.source,
            "--size", setup.size, "--frames", 0, "--fps", setup.fps,
        )  # fmt: skip
        stack.callback(sending.kill)
        if not air.begun.wait(_START_SECONDS):
            raise LinkError("the transmitter does not start")

        def look(clients: int) -> contextlib.AbstractContextManager:
            if setup.look == "page":
                return crowd.at_page(seen.address, clients)
            return crowd.over_zmq(published, clients)

        def finish() -> dict:
            sent = sending.end()["sent"]
            time.sleep(2)  # what is on its way
            lost = list(air.lost)  # and no more: soon nobody takes any
            ends = {"plain": plain.end(), "seen": seen.end()}
            result = {"sent": sent}
            for i, (name, end) in enumerate(ends.items()):
                result[f"received {name}"] = end["received"]
                result[f"dropped {name}"] = end["dropped"]
                result[f"headers lost {name}"] = end["headers_lost"]
                result[f"samples lost {name}"] = lost[i]
            return result

        yield Bench(air, plain, seen, look, finish)


def cost(setup: Setup, seconds: float, rounds: int, clients: int) -> dict:
    """CPU time of both receivers with nobody, with one and with many who look.

    Args:
        seconds: of each phase.
        rounds: of phases.
        clients: the many.

    Raises:
        LinkError: something did not start or stay.
    """
    phases = [0, 1, clients]
    shares: dict[int, list[tuple[float, float]]] = {n: [] for n in phases}
    messages = dict.fromkeys(phases, 0)
    with on_air(setup) as bench:
        time.sleep(_SETTLE)
        for _ in range(rounds):
            for n in phases:
                with bench.look(n) if n else contextlib.nullcontext() as count:
                    time.sleep(1)
                    shares[n].append(_shares(bench, seconds))
                messages[n] += count.messages if count else 0
        ended = bench.finish()
    rows = []
    for n, measured in shares.items():
        plain, seen = (statistics.median(column) for column in zip(*measured, strict=True))
        more = statistics.median(b - a for a, b in measured)
        rows.append(
            {
                "clients": n,
                "messages": messages[n],
                "plain, % of a core": 100 * plain,
                "seen, % of a core": 100 * seen,
                "more, % of a core": 100 * more,
                "seen / plain": statistics.median(b / a for a, b in measured),
            }
        )
    title = f"{setup.look}: {setup}; medians"
    return {"title": title, "rows": rows, **ended}


def _shares(bench: Bench, seconds: float) -> tuple[float, float]:
    """Cores that the two receivers take for so long."""
    both = (bench.plain, bench.seen)
    before, began = [one.cpu_seconds() for one in both], time.monotonic()
    time.sleep(seconds)
    took, after = time.monotonic() - began, [one.cpu_seconds() for one in both]
    plain, seen = ((b - a) / took for a, b in zip(before, after, strict=True))
    return plain, seen


def soak(setup: Setup, seconds: float) -> dict:
    """Memory of both receivers over time, with one client who looks all the while.

    Raises:
        LinkError: something did not start or stay.
    """
    rows = []
    with on_air(setup) as bench, bench.look(1) as count:
        time.sleep(_SETTLE)
        began = time.monotonic()
        for step in range(_STEPS + 1):
            time.sleep(max(0, began + seconds * step / _STEPS - time.monotonic()))
            rows.append(
                {
                    "seconds": time.monotonic() - began,
                    "plain, MB": bench.plain.memory_mb(),
                    "seen, MB": bench.seen.memory_mb(),
                    "messages": count.messages,
                }
            )
        ended = bench.finish()
    growth = {
        f"{name}, MB/hour": 3600 * _slope([(row["seconds"], row[f"{name}, MB"]) for row in rows])
        for name in ("plain", "seen")
    }
    title = f"{setup.look}, one client: {setup}"
    return {"title": title, "rows": rows, **growth, **ended}


def _slope(points: list[tuple[float, float]]) -> float:
    """Of a straight line through the second half of points; caches fill in the first."""
    half = points[len(points) // 2 :]
    return statistics.linear_regression(*zip(*half, strict=True)).slope


def _wait_until_heard(air: Air, *receivers: Running) -> None:
    """Until all receivers take samples as they come."""
    quiet, deadline = 0, time.monotonic() + _START_SECONDS
    while quiet < 5:
        before = list(air.lost), list(air.taken)
        time.sleep(0.2)
        keeps_up = air.lost == before[0] and all(
            b > a for a, b in zip(before[1], air.taken, strict=True)
        )
        quiet = quiet + 1 if keeps_up else 0
        for receiver in receivers:
            receiver.cpu_seconds()  # raises where it has ended
        if time.monotonic() > deadline:
            raise LinkError("a receiver does not keep up with the samples on this machine")
    air.lost[:] = [0] * len(air.lost)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
