# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture file says about its pixels beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from percast.engines.pictures.orientation import from_exif, from_xmp


def _nothing() -> None:
    pass


@dataclass
class Metadata:
    """What was found; whatever is damaged is left out, or says nothing.

    Attributes:
        exif: an EXIF block, or empty.
        stated_orientation: what a file says outside EXIF, 1..8 if it means anything.
        xmp: an XMP packet, or empty.
        profiles: ICC profiles, the one that counts first; the others stand in if it is broken.
        transparent: the colour that is transparent in a grey or RGB PNG, as samples of the file.
        depth: bits of such a sample.
        grey: whether the pixels are grey, whatever mode Pillow takes for them.
        check_pixels: raises `ValueError` where the file itself says that its pixels are damaged;
            takes time, to be called once the size is known to be wanted.
    """

    exif: bytes = b""
    stated_orientation: int | None = None
    xmp: bytes = b""
    profiles: list[bytes] = field(default_factory=list)
    transparent: tuple[int, ...] | None = None
    depth: int = 8
    grey: bool = False
    check_pixels: Callable[[], None] = _nothing

    @property
    def orientation(self) -> int:
        """EXIF's number, 1..8."""
        if self.stated_orientation in range(1, 9):
            return self.stated_orientation
        return from_exif(self.exif) or from_xmp(self.xmp) or 1
