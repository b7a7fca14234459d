# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture on show stays."""

from percast.settings import setting
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Verb, on_off


class Pause(Verb):
    """Of the page; the link goes on."""

    label, group, quick = "Pause", Group.PICTURE, True
    summary = "hold the picture on show; the link goes on"
    field = setting(None, "--pause", f"{summary}: on or off", metavar="ON|OFF", parse=on_off)

    def missing(self, link: Link) -> str | None:
        return None if link.page else "there is no page: start with --view"

    def now(self, link: Link) -> bool:
        return link.paused

    def do(self, link: Link, value: bool) -> None:
        link.paused = value
