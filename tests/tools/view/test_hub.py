# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds on those who do not read."""

import asyncio

from percast.tools.view.hub import MOST, Hub


def test_a_slow_client_gets_the_newest_of_each_kind():
    looking = []

    async def go():
        hub = Hub(looking.append)
        slow, quick = hub.join(), hub.join()
        for number in range(5):
            hub.tell("picture", f"picture {number}")
            assert await quick.get() == f"picture {number}"
        hub.tell("figures", "figures")
        assert await slow.get() == "picture 4"
        assert await slow.get() == "figures"
        assert (slow.skipped, quick.skipped, hub.skipped) == (4, 0, 4)
        hub.leave(slow)
        assert looking == [True] and hub.skipped == 4
        hub.leave(quick)
        assert looking == [True, False]
        crowd = [hub.join() for _ in range(MOST)]
        assert all(crowd) and hub.join() is None

    asyncio.run(go())
