# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast view`: the live page of a receiver in another process or on another machine."""

import argparse
import contextlib
import signal
import threading
from dataclasses import replace
from functools import partial

from percast.errors import INTERRUPTED
from percast.signals import ending_signals, heed
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.controls.table import VERBS
from percast.tools.verbs.tune import ask
from percast.tools.view.remote.config import ConnectConfig
from percast.tools.view.remote.desk import OWN, FarDesk
from percast.tools.view.remote.subscriber import Subscriber
from percast.tools.view.server import listen, serve
from percast.tools.web.limits import Complaints

_REASON = "not over this link: use its own --view, or give --control here"
_LACKING = {name: _REASON for name in VERBS if name not in OWN} | {
    "realism": "the symbols stay at the receiver; its own --view can, or --control for later ones",
}
"""Verbs that need more than what comes over the link."""


def add_options(parser: argparse.ArgumentParser) -> None:
    ConnectConfig.add_options(parser)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    watch(ConnectConfig.from_args(args))
    return INTERRUPTED


def watch(wanted: ConnectConfig) -> None:
    """Show it until somebody ends it.

    Raises:
        PercastError: anything that the user can mend.
    """
    keys, complaints = wanted.keys(), Complaints("view")
    ended = threading.Event()

    def end(number: int, _) -> None:
        heed(number)
        ended.set()

    before = {number: signal.signal(number, end) for number in ending_signals()}
    try:
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(listen(wanted.page, "percast view"))
            subscriber = Subscriber(wanted.address, keys, complaints)
            stack.callback(subscriber.close)
            link = Link(
                stats=lambda: subscriber.stats,
                source=wanted.address,
                lacking=_LACKING,
                remote=True,
            )
            if wanted.control is None:
                desk = Desk(link)
            else:
                desk = FarDesk(replace(link, lacking={}), partial(ask, wanted.control))
                stack.callback(desk.close)
            page = serve(wanted.page, listening, subscriber, desk, complaints, "percast view")
            stack.enter_context(page)
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
