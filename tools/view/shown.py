# SPDX-License-Identifier: GPL-3.0-or-later
"""A received picture as a page shows it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # `percast view` does without GNU Radio
    from percast.blocks.image_generator import Arrived


@dataclass(frozen=True)
class Shown:
    """A received picture.

    Args:
        key: of session and number, as text.
        arrived: its symbols, to decode it again; None where they are gone.
        rgb: uint8 [H, W, 3].
        original: likewise, None where it is not known.
        record: what is known about it; see `ImageSink`.
        realism: 0..1 that it was decoded with, None for the sender's wish.
    """

    key: str
    arrived: "Arrived | None"
    rgb: np.ndarray
    original: np.ndarray | None
    record: dict
    realism: float | None


def key_of(session: int, image: int) -> str:
    """A picture's key, of its sender's session and its number."""
    return f"{session:08x}-{image}"
