# SPDX-License-Identifier: GPL-3.0-or-later
"""The edges of OFDM symbols: each fades into the next one, so that little falls outside the band.

A symbol that begins at once spreads a spectrum that falls as 1/f; one that rises as a raised
cosine, while the end of the one before, continued cyclically, falls, takes that down as 1/f^3
beyond the window's own width. The rise lies in the cyclic prefix, where receivers do not look (IEEE
802.11-2016, 17.3.2.6, shows such a window).
"""

from functools import lru_cache

import numpy as np

from percast.blocks.waveform.profile import Profile


@lru_cache(maxsize=32)
def rise(window: int) -> np.ndarray:
    """Half a raised cosine from 0 to 1, float32 [window]."""
    return np.sin(np.pi / 2 * (np.arange(window) + 0.5) / max(window, 1)).astype(np.float32) ** 2


def joined(profile: Profile, head: np.ndarray, body: np.ndarray) -> np.ndarray:
    """A packet's samples: preamble and OFDM symbols, all edges windowed.

    Args:
        head: complex64 [preamble_len].
        body: complex64 [symbols, symbol_len], each behind its cyclic prefix.

    Returns:
        complex64 [preamble_len + symbols * symbol_len + window].
    """
    w, n = profile.window, len(head)
    out = np.empty(n + body.size + w, np.complex64)
    out[:n] = head
    rows = out[n : n + body.size].reshape(body.shape)
    rows[...] = body
    if not w:
        return out
    up = rise(w)
    fall = up[::-1]
    out[:w] *= up
    rows[:, :w] *= up
    # What follows each symbol cyclically: the first samples behind its prefix.
    rows[1:, :w] += body[:-1, profile.cp_len : profile.cp_len + w] * fall
    rows[0, :w] += head[-profile.fft_size :][:w] * fall
    out[-w:] = body[-1, profile.cp_len : profile.cp_len + w] * fall
    return out
