# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of figures (`percast.blocks.stats.tree`) as the JSON objects of `--json`: the names of
its leaves without its branches."""

from dataclasses import asdict
from typing import Any

from percast.blocks.stats.tree import LoopbackStats, Radio, ReceiverStats, TransmitterStats


def sent(stats: TransmitterStats) -> dict[str, Any]:
    """Of a transmitter."""
    return {
        **asdict(stats.images),
        **asdict(stats.rate),
        **asdict(stats.waveform),
        **asdict(stats.engine),
        **_radio(stats.radio),
    }


def received(stats: ReceiverStats) -> dict[str, Any]:
    """Of a receiver."""
    figures = {
        **asdict(stats.images),
        **asdict(stats.sync),
        **asdict(stats.link),
        **asdict(stats.waveform),
        **asdict(stats.engine),
        **_radio(stats.radio),
    }
    if stats.sync.malformed is None:
        del figures["malformed"]
    return figures


def both(stats: LoopbackStats) -> dict[str, Any]:
    """Of a loopback: its rate and what was dropped are the transmitter's and both ends'."""
    here, there = sent(stats.transmitter), received(stats.receiver)
    return {
        **here,
        **there,
        "cbr": here["cbr"],
        "lost": here["sent"] - there["received"],
        "dropped": here["dropped"] + there["dropped"],
    }


def _radio(radio: Radio | None) -> dict[str, Any]:
    if radio is None:
        return {"overruns": 0, "underruns": 0}
    figures = asdict(radio)
    figures["radio"] = {"asked": figures.pop("asked"), "took": figures.pop("took")}
    if radio.level is None:
        del figures["level"]
    return figures
