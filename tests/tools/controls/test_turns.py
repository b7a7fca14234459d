# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs one after the other: what waits, and what is overtaken."""

import asyncio
import threading

import pytest

from percast.errors import UsageError
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.controls.turns import Turns


class Station:
    """A radio whose driver holds its first change up."""

    gains, took = None, {}

    def __init__(self):
        self.done, self.entered, self.released = [], threading.Event(), threading.Event()

    def tune(self, **changes):
        self.entered.set()
        self.released.wait(10)
        self.done.append(changes)


async def take_all(station: Station, *asked: tuple) -> list:
    """Ask for the first, for the others while it is being done, and give what came of each."""
    turns = Turns(Desk(Link(lambda: None, station=station)))
    first, *later = (asyncio.create_task(turns.take(*one)) for one in asked)
    await asyncio.to_thread(station.entered.wait, 10)
    station.released.set()
    return await asyncio.gather(first, *later, return_exceptions=True)


def test_of_calls_of_a_verb_that_wait_only_the_newest_is_done():
    station = Station()
    answers = asyncio.run(take_all(station, ("freq", 1), ("freq", 2), ("freq", 3)))
    assert station.done == [{"freq": 1}, {"freq": 3}]
    with pytest.raises(UsageError, match="overtaken"):
        raise answers[1]


def test_stages_of_a_gain_do_not_overtake_each_other():
    station, gains = Station(), ({"VGA": 1}, {"LNA": 8}, {"VGA": 2}, {"VGA": 3})
    asyncio.run(take_all(station, *(("gain", gain) for gain in gains)))
    assert station.done == [{"gain": gain} for gain in ({"VGA": 1}, {"LNA": 8}, {"VGA": 3})]
