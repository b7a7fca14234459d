# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a running link that verbs act on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from percast.blocks.images.config import SourceConfig


@dataclass
class Link:
    """A running link; None where it has no such part.

    Args:
        stats: gives the tree of figures, from any thread.
        source: where samples come from, in words.
        receiver: a `percast.flowgraphs.receiver.Receiver`.
        transmitter: a `percast.flowgraphs.transmitter.Transmitter`.
        pictures: what the transmitter sends, as it was asked for.
        channel: a `percast.blocks.channel_model.ChannelModel`.
        station: a `percast.flowgraphs.radios.station.Station`.
        codec: what has engines: a `Codec` or `Decoders`.
        recordings: of what is heard, a `percast.blocks.recordings.on_demand.OnDemand`.
        lacking: verbs that it cannot do, and why not, beside what its missing parts say.
        remote: it is in another process.
        page: somebody may look: there is a page.
        paused: the page holds its picture.
        said: what verbs have to say of what they did last, by their names.
    """

    stats: Callable[[], Any]
    source: str = ""
    receiver: Any = None
    transmitter: Any = None
    pictures: SourceConfig | None = None
    channel: Any = None
    station: Any = None
    codec: Any = None
    recordings: Any = None
    lacking: Mapping[str, str] = field(default_factory=dict)
    remote: bool = False
    page: bool = False
    paused: bool = False
    said: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Where samples come from, as it is now."""
        if self.channel is None:
            return self.source
        return f"{self.source} through channel {self.channel.channel.config.model}"
