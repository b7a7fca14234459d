# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording of what is heard from now on."""

from percast.settings import setting
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Verb, on_off


class Record(Verb):
    """SigMF, with an annotation for every packet."""

    label, group, button = "Record", Group.RECORDING, "Stop recording"
    summary = "begin (true) or end (false) a SigMF recording of what is heard"
    field = setting(
        None, "--record", "begin or end a SigMF recording of what is heard: on or off",
        metavar="ON|OFF", parse=on_off,
    )  # fmt: skip

    def missing(self, link: Link) -> str | None:
        return None if link.recordings else "only a receiver hears anything"

    def now(self, link: Link) -> bool:
        return link.recordings.path is not None

    def do(self, link: Link, value: bool) -> None:
        path = link.recordings.start() if value else link.recordings.stop()
        link.said["record"] = str(path.resolve())

    def hint(self, link: Link) -> str | None:
        if failure := link.recordings.failure:
            return str(failure)
        return link.said.get("record")
