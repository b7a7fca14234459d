# SPDX-License-Identifier: GPL-3.0-or-later
"""Branches of the tree of figures (`blocks/stats/tree.py`) that both ends have."""

from typing import Literal

from percast.blocks.stats.tree import EngineInUse, Radio
from percast.engines.codecs.contract import Codec
from percast.flowgraphs.radios.station import Station


def engine_in_use(codec: Codec, role: Literal["encoder", "generator"]) -> EngineInUse:
    """What a learned codec runs on."""
    engine = getattr(codec, role)
    return EngineInUse(codec.model.name, engine.name, engine.precision, engine.reason)


def radio_stats(station: Station) -> Radio:
    """How a station's radio does."""
    return Radio(
        asked=station.asked,
        took=station.took,
        **station.counts(),
        reconnected=station.reconnected,
        level=None if station.transmit else station.meter.total(),
    )
