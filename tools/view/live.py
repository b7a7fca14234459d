# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page is told, made in the server's loop while somebody looks; and what it may change."""

import asyncio
import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from percast.errors import DeviceError, PercastError
from percast.tools.controls.desk import Desk
from percast.tools.controls.turns import Turns
from percast.tools.view import messages
from percast.tools.view.hub import Client, Hub
from percast.tools.view.messages import Asked
from percast.tools.view.shown import Shown
from percast.tools.web.limits import Complaints

if TYPE_CHECKING:  # `percast view` does without GNU Radio, and so without these
    from percast.tools.view.taps import Taps

KEPT = 8  # pictures that were on show and can be decoded again
_FIGURES_EVERY = 0.5  # seconds
_AIR_EVERY = 0.25
_SOON = 0.03  # after a change, until what is in force is told
_REST = 0.1  # without another move of the dial, after which its picture is scored
_PICTURES_EVERY = 1 / 15
_SHARE = 15  # times as long as a picture took to pack, until the next: a fifteenth of a core


class Live:
    """Made and used in the server's loop; `picture_came` is called from any thread.

    Args:
        taps, desk: what is shown, and what may be done; taps are `Taps`, or a `Subscriber` where
            the link is elsewhere.
        complaints: shown too.
    """

    def __init__(self, taps: "Taps", desk: Desk, complaints: Complaints):
        self.taps, self.desk, self.complaints = taps, desk, complaints
        self.hub = Hub(taps.look)
        self._turns = Turns(desk)
        self._told = ""  # settings
        self._telling: asyncio.TimerHandle | None = None
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._shown: str | None = None  # key of the one on show
        self._wishes: dict[str, float | None] = {}  # for realism, the latest of each picture
        self._unscored: Shown | None = None
        self._first: str | None = None  # key of the wish that somebody waits for
        self._came, self._wished = asyncio.Event(), asyncio.Event()
        self._scoreless = asyncio.Event()  # a picture was decoded again and has no figures yet
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        # One thread each: a picture that is decoded again must not hold the others up.
        self._packer = ThreadPoolExecutor(1, "percast view packer")
        self._decoder = ThreadPoolExecutor(1, "percast view decoder")
        self._scorer = ThreadPoolExecutor(1, "percast view scorer")
        desk.link.page = True
        desk.on_change.append(self._changed)
        taps.on_picture = self._picture_came
        self._tasks = [
            asyncio.create_task(self._forever(job, self.hub.somebody))
            for job in (self._pictures, self._figures, self._air)
        ]
        self._tasks += (
            asyncio.create_task(self._forever(self._again, self._wished)),
            asyncio.create_task(self._forever(self._score, self._scoreless)),
        )

    def leave(self) -> None:
        """The server is about to end: nobody waits for verbs any more."""
        self._turns.close()

    async def close(self) -> None:
        """Wait for what is being computed, and stop."""
        self.leave()
        self.taps.on_picture = lambda: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.desk.on_change.remove(self._changed)
        for pool in (self._packer, self._decoder, self._scorer):
            pool.shutdown()

    def welcome(self, client: Client) -> None:
        """What a newcomer is told at once."""
        client.put("settings", self._settings())
        self._came.set()

    async def do(self, asked: Asked) -> Any:
        """Obey; gives what is in force now. The picture comes later.

        Raises:
            Abandoned: the link ends before it is done.
            PercastError: this link cannot, or not now.
        """
        try:
            now = await self._turns.take(asked.name, asked.value)
        except PercastError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a driver does, the page goes on
            told = f"{type(error).__name__}: {error}"
            self.complaints.add("error", told)
            raise DeviceError(f"{asked.name}: {told}") from error
        if asked.name == "realism":
            self._wish(self.find(asked.picture) or self.find(), asked.value, asked_for=True)
        return now

    def _changed(self, name: str, value: Any) -> None:
        """Somebody changed something: from the page, or through the control socket; any thread."""
        elsewhere = threading.get_ident() != self._thread
        self._loop.call_soon_threadsafe(self._heed, name, value, elsewhere)

    def _heed(self, name: str, value: Any, elsewhere: bool) -> None:
        if name == "realism" and elsewhere:
            self._wish(self.find(), value, asked_for=True)
        if name == "pause":
            self._came.set()
        if self._telling is None:  # a slider that is dragged changes it again soon
            self._telling = self._loop.call_later(_SOON, self._tell_settings)

    def _tell_settings(self) -> None:
        self._telling = None
        settings = self._settings()
        if settings != self._told:
            self._told = settings
            self.hub.tell("settings", settings)

    def _settings(self) -> str:
        link = self.desk.link
        return messages.text("settings", remote=link.remote, verbs=self.desk.describe())

    def figures(self) -> dict[str, Any]:
        """The tree of figures, and the page's own."""
        return {
            "stats": _plain(self.desk.link.stats()),
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
        return self.taps.source or self.desk.link.words

    def find(self, key: str | None = None) -> Shown | None:
        """The picture with this key, if it was on show lately; without one, the picture that is on
        show, or would be if somebody looked."""
        if key is not None:
            return self._kept.get(key)
        if self.desk.link.paused and self._shown in self._kept:
            return self._kept[self._shown]
        newest = self.taps.newest
        return newest and self._kept.get(newest.key, newest)

    def _wish(self, shown: Shown | None, realism: float | None, asked_for: bool = False) -> None:
        if shown is not None and shown.arrived is not None:  # else its symbols are not here
            self._keep(shown)
            if asked_for:
                self._first = shown.key
            self._wishes[shown.key] = realism
            self._wished.set()

    def _keep(self, shown: Shown) -> None:
        self._kept[shown.key] = shown
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _picture_came(self) -> None:
        if self.hub.somebody.is_set() and not self.desk.link.paused:
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

        def pack() -> tuple[bytes, float]:
            began = time.thread_time()
            return messages.picture(shown), time.thread_time() - began

        packed, took = await self._loop.run_in_executor(self._packer, pack)
        self.hub.tell("picture", packed)
        await asyncio.sleep(max(_PICTURES_EVERY, _SHARE * took))

    async def _again(self) -> None:
        key = self._first if self._first in self._wishes else next(iter(self._wishes))
        realism, shown = self._wishes.pop(key), self.find(key)
        if not self._wishes:
            self._wished.clear()
        if shown is None:
            return

        def decode() -> tuple[Shown, bytes]:
            again = self.taps.decode_again(shown, realism)
            # Packed here, and not where live pictures queue.
            return again, messages.picture(again, again=True)

        again, packed = await self._loop.run_in_executor(self._decoder, decode)
        self._keep(again)
        self.hub.tell("again", packed)
        self._unscored = again
        self._scoreless.set()

    async def _score(self) -> None:
        """Figures of the last picture that was decoded again, once the dial rests."""
        shown = self._unscored
        if not self.hub.somebody.is_set():
            self._scoreless.clear()
            return
        await asyncio.sleep(_REST)
        if self._wishes or shown is not self._unscored:
            return
        self._scoreless.clear()
        figures = await self._loop.run_in_executor(self._scorer, self.taps.score, shown)
        if self._kept.get(shown.key) is shown:
            self._kept[shown.key] = replace(shown, record=shown.record | figures)
            told = {"key": shown.key, "realism": shown.realism, **figures}
            self.hub.tell("scores", messages.text("scores", **told))

    async def _figures(self) -> None:
        self.hub.tell("figures", messages.text("figures", **self.figures()))
        self._tell_settings()  # a radio may have come back, or a recording have ended
        await asyncio.sleep(_FIGURES_EVERY)

    async def _air(self) -> None:
        for kind, made in await self._loop.run_in_executor(self._packer, self.taps.air):
            self.hub.tell(kind, made)
        await asyncio.sleep(_AIR_EVERY)


def _plain(stats: Any) -> Any:
    """The tree of figures as JSON has it."""
    return dataclasses.asdict(stats) if dataclasses.is_dataclass(stats) else stats
