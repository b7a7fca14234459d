# SPDX-License-Identifier: GPL-3.0-or-later
"""The dial."""

from percast.engines.codecs.config import CodecConfig
from percast.quantity import quantity
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Look, Verb, or_nothing

FOLLOW = "sender"


class Realism(Verb):
    """Also where the codec ignores it: whoever reads a header's wish can be overruled."""

    label, group, quick = "Realism", Group.PICTURE, True
    null, null_label = FOLLOW, "Follow the sender"
    summary = (
        "decode the picture on show again with this realism, and all later ones; null follows the "
        "sender"
    )
    look = Look(0, 1, 0.05)
    field = like(
        CodecConfig, "realism", None, f"0: faithful, 1: lifelike; '{FOLLOW}' follows the sender",
        parse=or_nothing(FOLLOW, quantity),
    )  # fmt: skip

    def missing(self, link: Link) -> str | None:
        return None if link.receiver else "only a receiver decodes"

    def now(self, link: Link) -> float | None:
        return link.receiver.generator.realism

    def do(self, link: Link, value: float | None) -> None:
        link.receiver.generator.realism = value
