# SPDX-License-Identifier: GPL-3.0-or-later
"""The branch of the tree of figures (`blocks/stats/tree.py`) that is a radio's."""

from percast.blocks.stats.tree import Radio
from percast.flowgraphs.radios.station import Station


def radio_stats(station: Station) -> Radio:
    """How a station's radio does."""
    return Radio(
        asked=station.asked,
        took=station.took,
        **station.counts(),
        reconnected=station.reconnected,
        level=None if station.transmit else station.meter.total(),
    )
