# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of figures (`percast.blocks.stats.tree`) as the JSON objects of `--json`: the names of
its leaves without its branches."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from percast.blocks.stats.tree import LoopbackStats, Radio, ReceiverStats, TransmitterStats
from percast.errors import LinkError, ModelError


def sent(stats: TransmitterStats) -> dict[str, Any]:
    """Of a transmitter."""
    return {
        **asdict(stats.images),
        **asdict(stats.rate),
        **asdict(stats.waveform),
        **asdict(stats.codec),
        **_radio(stats.radio),
    }


def received(stats: ReceiverStats) -> dict[str, Any]:
    """Of a receiver."""
    figures = {
        **asdict(stats.images),
        **asdict(stats.sync),
        **asdict(stats.link),
        **asdict(stats.waveform),
        **asdict(stats.codec),
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
        "codec_faults": _added(here["codec_faults"], there["codec_faults"]),
        "dropped": here["dropped"] + there["dropped"],
    }


def check_codec(summary: dict[str, Any]) -> None:
    """Raise the codec's error, once results have been told, if no picture got through it.

    Raises:
        ModelError: it made mistakes, or all pictures were another's.
        LinkError: nothing that arrived could be decoded.
    """
    faults = summary["codec_faults"]
    if faults and summary["sent"] == 0:
        raise ModelError(f"no picture could be sent: {next(iter(faults))}")
    if summary.get("decoded") != 0:  # a sender does not know
        return
    if reasons := faults or summary["foreign"]:
        raise ModelError(f"no picture could be decoded: {next(iter(reasons))}")
    if summary["undecodable"]:
        raise LinkError("no picture could be decoded: what arrived is too little for the codec")


def _added(*counts: dict[str, int]) -> dict[str, int]:
    """Counts by reason from both ends."""
    return dict(sum(map(Counter, counts), Counter()))


def _radio(radio: Radio | None) -> dict[str, Any]:
    if radio is None:
        return {"overruns": 0, "underruns": 0}
    figures = asdict(radio)
    figures["radio"] = {"asked": figures.pop("asked"), "took": figures.pop("took")}
    if radio.level is None:
        del figures["level"]
    return figures
