# SPDX-License-Identifier: GPL-3.0-or-later
"""The last seconds of what was heard, as a recording."""

from percast.settings import setting
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb


class Save(Verb):
    """From memory, where `--keep-seconds` has them kept."""

    label, group, button = "Last seconds", Group.RECORDING, "Save"
    summary = "write down the last seconds of what was heard as SigMF"
    look = Look(unit="s")
    field = setting(
        None, "--save", summary, metavar="S", least=0.001, most=3600, unit="seconds"
    )  # fmt: skip

    def missing(self, link: Link) -> str | None:
        if link.recordings is None:
            return "only a receiver hears anything"
        return None if link.recordings.ring else "the past is not kept: start with --keep-seconds"

    def now(self, link: Link) -> float:
        """Seconds that are kept."""
        return link.recordings.kept_seconds

    def do(self, link: Link, value: float) -> float:
        path, seconds = link.recordings.save(value)
        link.said["save"] = str(path.resolve())
        return seconds

    def hint(self, link: Link) -> str | None:
        return link.said.get("save")
