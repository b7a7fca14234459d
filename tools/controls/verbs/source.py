# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transmitter sends."""

from dataclasses import replace

from percast.blocks.images.config import SourceConfig
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Verb


class Source(Verb):
    """Opened, and where it does not come live its first picture read, before the one in use is
    let go."""

    label, group, button = "Source", Group.SENDER, "Open"
    summary = "pictures that the transmitter sends: folder or file, video:PATH, camera:N, zmq:..."
    field = like(SourceConfig, "source", None, "folder or file, video:PATH, camera:N, zmq:...")

    def missing(self, link: Link) -> str | None:
        return None if link.pictures else "the sender is elsewhere"

    def now(self, link: Link) -> str:
        return link.pictures.source

    def do(self, link: Link, value: str) -> None:
        source = link.transmitter.source
        wanted = replace(link.pictures, source=value)
        if wanted.frames:  # that are still to be sent
            wanted = replace(wanted, frames=max(1, wanted.frames - source.images))
        opened = wanted.open()
        try:
            if not opened.live:
                next(iter(opened))
            source.switch(opened)
        except BaseException:
            opened.close()
            raise
        link.pictures = replace(link.pictures, source=value)
