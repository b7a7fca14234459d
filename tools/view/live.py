# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page is told, made in the server's loop while somebody looks; and what it may change."""

import asyncio
import dataclasses
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from percast.errors import PercastError
from percast.tools.view import messages
from percast.tools.view.hub import Client, Hub
from percast.tools.view.limits import Complaints
from percast.tools.view.messages import Asked
from percast.tools.view.shown import Shown

if TYPE_CHECKING:  # `percast view` does without GNU Radio, and so without these
    from percast.tools.view.taps import Taps

log = logging.getLogger(__name__)

KEPT = 8  # pictures that were on show and can be decoded again
_FIGURES_EVERY = 0.5  # seconds
_AIR_EVERY = 0.25
_PICTURES_EVERY = 1 / 15
_SHARE = 15  # times as long as a picture took to pack, until the next: a fifteenth of a core


@dataclasses.dataclass(frozen=True)
class Link:
    """The running link, as the page sees it.

    Args:
        stats: gives the tree of figures, from any thread.
        source: where samples come from, in words.
        set_snr: of the loopback's channel; None elsewhere.
        snr_db: that it begins with.
        lacking: commands that it cannot obey, and why not.
        remote: whether it is in another process.
    """

    stats: Callable[[], Any]
    source: str
    set_snr: Callable[[float], None] | None = None
    snr_db: float | None = None
    lacking: Mapping[str, str] = dataclasses.field(default_factory=dict)
    remote: bool = False


class Live:
    """Made and used in the server's loop; `picture_came` is called from any thread.

    Args:
        taps, link: what is shown; taps are `Taps`, or a `Subscriber` where it is elsewhere.
        complaints: shown too.
    """

    def __init__(self, taps: "Taps", link: Link, complaints: Complaints):
        self.taps, self.link, self.complaints = taps, link, complaints
        self.hub = Hub(taps.look)
        self.paused = False
        self.snr_db = link.snr_db
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._shown: str | None = None  # key of the one on show
        self._wishes: dict[str, float | None] = {}  # for realism, the latest of each picture
        self._came, self._wished = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # One thread each: a picture that is decoded again must not hold the others up.
        self._packer = ThreadPoolExecutor(1, "percast view packer")
        self._decoder = ThreadPoolExecutor(1, "percast view decoder")
        taps.on_picture = self._picture_came
        self._tasks = [
            asyncio.create_task(self._forever(job, self.hub.somebody))
            for job in (self._pictures, self._figures, self._air)
        ]
        self._tasks.append(asyncio.create_task(self._forever(self._again, self._wished)))

    async def close(self) -> None:
        """Wait for what is being computed, and stop."""
        self.taps.on_picture = lambda: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._packer.shutdown()
        self._decoder.shutdown()

    def welcome(self, client: Client) -> None:
        """What a newcomer is told at once."""
        client.put("settings", self._settings())
        self._came.set()

    def do(self, asked: Asked) -> None:
        """Obey a command; what takes time is done later.

        Raises:
            PercastError: this link cannot.
        """
        if asked.do in self.link.lacking:
            raise PercastError(f"{asked.do}: {self.link.lacking[asked.do]}")
        if asked.do == "realism":
            # Also where the codec ignores it: whoever reads a header's wish can be overruled.
            self.taps.realism = asked.value
            self._wish(self.find(asked.picture) or self.find(), asked.value)
        elif asked.do == "pause":
            self.paused = asked.value
            self._came.set()
        else:
            if self.link.set_snr is None:
                raise PercastError("snr: only a loopback has a channel to set")
            self.link.set_snr(asked.value)
            self.snr_db = asked.value
        self.hub.tell("settings", self._settings())

    def _settings(self) -> str:
        return messages.text(
            "settings",
            realism=self.taps.realism,
            paused=self.paused,
            snr_db=self.snr_db,
            has_channel=self.link.set_snr is not None,
            source=self._source(),
            lacking=self.link.lacking,
            remote=self.link.remote,
        )

    def figures(self) -> dict[str, Any]:
        """The tree of figures, and the page's own."""
        return {
            "stats": _plain(self.link.stats()),
            "erased": self.taps.erased,
            "gone": self.taps.gone,
            "source": self._source(),
            "view": {
                "clients": len(self.hub),
                "skipped": self.hub.skipped,
                "refused": dict(self.complaints.counts),
            },
        }

    def _source(self) -> str:
        return self.taps.source or self.link.source

    def find(self, key: str | None = None) -> Shown | None:
        """The picture with this key, if it was on show lately; without one, the picture that is on
        show, or would be if somebody looked."""
        if key is not None:
            return self._kept.get(key)
        if self.paused and self._shown in self._kept:
            return self._kept[self._shown]
        newest = self.taps.newest
        return newest and self._kept.get(newest.key, newest)

    def _wish(self, shown: Shown | None, realism: float | None) -> None:
        if shown is not None:
            self._keep(shown)
            self._wishes[shown.key] = realism
            self._wished.set()

    def _keep(self, shown: Shown) -> None:
        self._kept[shown.key] = shown
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _picture_came(self) -> None:
        if self.hub.somebody.is_set() and not self.paused:
            self._loop.call_soon_threadsafe(self._came.set)

    async def _forever(self, job: Callable, wanted: asyncio.Event) -> None:
        """Do it again and again while it is wanted; an error costs the page, not the link."""
        while True:
            await wanted.wait()
            try:
                await job()
            except Exception as error:  # noqa: BLE001
                self.complaints.add("error", f"{type(error).__name__}: {error}")
                await asyncio.sleep(_FIGURES_EVERY)

    async def _pictures(self) -> None:
        await self._came.wait()
        self._came.clear()
        shown = self.find()
        if shown is None:
            return
        self._keep(shown)
        self._shown = shown.key
        if shown.realism != (wanted := self.taps.realism):
            self._wish(shown, wanted)  # it was being decoded when the dial was turned
        took = await self._show(shown, again=False)
        await asyncio.sleep(max(_PICTURES_EVERY, _SHARE * took))

    async def _show(self, shown: Shown, again: bool) -> float:
        """Pack a picture and tell everybody; gives the seconds of work."""

        def pack() -> tuple[bytes, float]:
            began = time.thread_time()
            return messages.picture(shown, again), time.thread_time() - began

        packed, took = await self._loop.run_in_executor(self._packer, pack)
        self.hub.tell("again" if again else "picture", packed)
        return took

    async def _again(self) -> None:
        key = next(iter(self._wishes))
        realism, shown = self._wishes.pop(key), self.find(key)
        if not self._wishes:
            self._wished.clear()
        if shown is None:
            return
        decode = self.taps.decode_again
        again = await self._loop.run_in_executor(self._decoder, decode, shown, realism)
        self._keep(again)
        await self._show(again, again=True)

    async def _figures(self) -> None:
        self.hub.tell("figures", messages.text("figures", **self.figures()))
        await asyncio.sleep(_FIGURES_EVERY)

    async def _air(self) -> None:
        for kind, made in await self._loop.run_in_executor(self._packer, self.taps.air):
            self.hub.tell(kind, made)
        await asyncio.sleep(_AIR_EVERY)


def _plain(stats: Any) -> Any:
    """The tree of figures as JSON has it."""
    return dataclasses.asdict(stats) if dataclasses.is_dataclass(stats) else stats
