# SPDX-License-Identifier: GPL-3.0-or-later
"""The same picture several ways, two of them at a time under a slider."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from percast.tools.pages.embed import picture_url
from percast.tools.pages.templates import render_template


@dataclass(frozen=True)
class Layer:
    """One way.

    Args:
        name: as "original", or the codec.
        picture: PNG, WebP or JPEG as it is to be shown; None where there is none.
        text: its figures, or why there is no picture.
    """

    name: str
    picture: bytes | None
    text: str = ""


@dataclass(frozen=True)
class Comparison:
    """A picture under a slider; without scripts, and in print, the layers lie side by side.

    Args:
        title: which picture, and why it is shown.
        width, height: pixels.
        layers: at least one with a picture. The first is shown on the left, the second with a
            picture on the right, until others are chosen.
        source: small print.
    """

    title: str
    width: int
    height: int
    layers: Sequence[Layer]
    source: str = ""

    def html(self) -> Markup:
        layers = [
            {
                "name": layer.name,
                "text": layer.text,
                "url": layer.picture and picture_url(layer.picture),
            }
            for layer in self.layers
        ]
        return render_template("comparison.html", comparison=self, layers=layers)
