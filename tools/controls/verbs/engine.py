# SPDX-License-Identifier: GPL-3.0-or-later
"""What computes the networks, and in which numbers."""

import functools
import importlib.util
from collections.abc import Sequence

from percast.engines.codecs.config import CodecConfig
from percast.engines.runtimes.engine import ENGINES, PRECISIONS
from percast.settings import like
from percast.tools.controls.link import Link
from percast.tools.controls.verb import Group, Verb

IN_USE = "in use: "
_MODULES = {"tensorrt": ("tensorrt", "tensorrt_rtx")}  # others are named as their engine


class _OfEngine(Verb):
    group = Group.ENGINE
    key: str  # of what `Codec.about` tells

    def missing(self, link: Link) -> str | None:
        if link.codec is None:
            return "nothing is coded here"
        return None if link.codec.engine_asked else "this codec has no engine of ours"

    def hint(self, link: Link) -> str | None:
        end = link.receiver.generator.used if link.receiver else link.codec
        used = getattr(end.about(), self.key)
        return used and f"{IN_USE}{used}"


class Engine(_OfEngine):
    label, key = "Engine", "engine"
    summary = "runtime that computes the networks from the next picture on"
    field = like(CodecConfig, "engine", None, summary, choices=("auto", *ENGINES))

    def now(self, link: Link) -> str:
        return link.codec.engine_asked[0]

    def do(self, link: Link, value: str) -> None:
        link.codec.use_engine(value, link.codec.engine_asked[1])

    def choices(self, link: Link) -> Sequence[str]:
        """Those whose package is installed."""
        return [name for name in self.about.choices if name == "auto" or _installed(name)]


class Precision(_OfEngine):
    label, key = "Precision", "precision"
    summary = "numbers that the networks are computed in from the next picture on"
    field = like(CodecConfig, "precision", None, summary, choices=PRECISIONS)

    def now(self, link: Link) -> str:
        return link.codec.engine_asked[1]

    def do(self, link: Link, value: str) -> None:
        link.codec.use_engine(link.codec.engine_asked[0], value)


@functools.cache
def _installed(engine: str) -> bool:
    return any(importlib.util.find_spec(name) for name in _MODULES.get(engine, (engine,)))
