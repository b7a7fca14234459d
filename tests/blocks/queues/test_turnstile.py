# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in a hurry goes first."""

import threading

import pytest

from percast.blocks.queues.turnstile import Turnstile


def test_those_in_a_hurry_come_before_those_who_waited_longer():
    turnstile, order = Turnstile(), []
    started = threading.Barrier(3)

    def go(name: str, hurry: bool) -> None:
        started.wait()
        with turnstile.turn(hurry):
            order.append(name)

    with turnstile.turn():
        slow = threading.Thread(target=go, args=("slow", False))
        quick = threading.Thread(target=go, args=("quick", True))
        slow.start()
        quick.start()
        started.wait()
        while turnstile.waiting < 2:
            pass
    slow.join()
    quick.join()
    assert order == ["quick", "slow"]


def test_an_error_inside_lets_the_next_one_in():
    turnstile = Turnstile()
    with pytest.raises(ZeroDivisionError), turnstile.turn(hurry=True):
        raise ZeroDivisionError
    with turnstile.turn():
        pass
