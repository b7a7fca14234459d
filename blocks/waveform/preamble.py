# SPDX-License-Identifier: GPL-3.0-or-later
"""The known parts of a packet: short part, training symbols, pilots.

All have constant modulus on the carriers with quadratic (Newman) phases, which keep the peak
low: D. J. Newman, "An L1 extremal problem for polynomials", Proc. AMS 16, 1965.
"""

from functools import lru_cache

import numpy as np

from percast.blocks.waveform.coding.hashing import signs
from percast.blocks.waveform.formats.edges import rise
from percast.blocks.waveform.ofdm import to_samples
from percast.blocks.waveform.profile import Profile


def _newman(count: int, root: int = 1) -> np.ndarray:
    k = np.arange(count)
    return np.exp(1j * np.pi * root * (k * k / count))


@lru_cache(maxsize=32)
def training_carriers(profile: Profile) -> np.ndarray:
    """One training symbol on the occupied carriers, complex64 [n_occupied], modulus 1. Each kind
    of packet has its own."""
    return _newman(len(profile.occupied), profile.kind.root).astype(np.complex64)


@lru_cache(maxsize=32)
def training_symbol(profile: Profile) -> np.ndarray:
    """The same in time without a prefix, complex64 [fft_size], mean power 1."""
    return to_samples(profile, training_carriers(profile)[None])[0]


@lru_cache(maxsize=32)
def preamble(profile: Profile) -> np.ndarray:
    """Short part, guard and training symbols, complex64 [preamble_len], mean power
    `head_amplitude` squared."""
    spacing = profile.fft_size // profile.short_period
    on = profile.occupied % spacing == 0
    carriers = np.zeros(len(profile.occupied), np.complex64)
    carriers[on] = _newman(on.sum()) * np.sqrt(len(on) / on.sum())
    period = to_samples(profile, carriers[None])[0][: profile.short_period]
    long = training_symbol(profile)
    guard = long[-profile.long_guard :].copy()
    window = profile.window
    if window:  # the short part fades out over it
        up = rise(window)
        guard[:window] = guard[:window] * up + np.resize(period, window) * up[::-1]
    short = np.tile(period, profile.kind.short_repeats)
    parts = np.concatenate([short, guard, *[long] * profile.training_symbols])
    return parts * np.float32(profile.head_amplitude)


@lru_cache(maxsize=32)
def pilot_values(profile: Profile) -> np.ndarray:
    """+-1 for every symbol that a packet may have, float32 [header + body, n_pilots].

    Scrambled over time so that the pilots make no spectral lines.
    """
    symbols = profile.header_symbols + profile.body_symbols(profile.max_payload_symbols)
    n = len(profile.pilot_index)
    return signs(0x70696C6F74, symbols * n).reshape(symbols, n)
