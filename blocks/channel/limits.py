# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a channel a receiver cannot follow."""

import math

import numpy as np

from percast.blocks.channel.config import ChannelConfig
from percast.blocks.channel.tdl_tables import PROFILES
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.synchronise import WINDOW_ADVANCE
from percast.blocks.waveform.track import MAX_CLOCK_PPM

_NO_HARM = 1e-4  # interference over the signal: at an SNR of 30 dB it takes 0.4 dB


def limits(channel: ChannelConfig, profile: Profile) -> dict[str, str]:
    """A line for each setting of a channel that is more than a waveform can stand, by the names of
    the fields."""
    told = {}
    if (late := interference(channel, profile)) > _NO_HARM:
        delay = max(PROFILES[channel.model].delays) * channel.delay_spread
        room = _room(profile) / profile.samp_rate
        told["delay_spread"] = (
            f"the channel lasts {delay * 1e6:.2f} us, and the cyclic prefix of {profile.cp_len} "
            f"samples leaves {max(room, 0) * 1e6:.2f} us for it: expect interference between "
            f"symbols {-10 * math.log10(min(late, 1)):.0f} dB below the signal, or choose a longer "
            "--prefix or another --profile"
        )
    if abs(channel.freq_offset) > profile.max_freq_offset:
        told["freq_offset"] = (
            f"--freq-offset {channel.freq_offset:g}: {profile.name} acquires offsets up to "
            f"{profile.max_freq_offset:g} Hz at this sample rate"
        )
    if abs(channel.clock_ppm) > MAX_CLOCK_PPM:
        told["clock_ppm"] = (
            f"--clock-ppm {channel.clock_ppm:g}: the receiver follows clocks up to "
            f"{MAX_CLOCK_PPM:g} ppm off"
        )
    return told


def interference(channel: ChannelConfig, profile: Profile) -> float:
    """Power of what echoes that come too late for the prefix do to other symbols and carriers, over
    the signal's. One that is d samples too late lacks d samples of its own symbol in the receiver's
    window, and has d of the symbol before."""
    if channel.model not in PROFILES:
        return 0.0
    paths = PROFILES[channel.model]
    samples = np.array(paths.delays) * channel.delay_spread * profile.samp_rate
    late = np.clip(samples - _room(profile), 0, profile.fft_size)
    return float(paths.rayleigh_powers() @ late) * 2 / profile.fft_size


def _room(profile: Profile) -> int:
    """Samples of the prefix that echoes may take: symbols' edges and timing need the rest."""
    return profile.cp_len - profile.window - WINDOW_ADVANCE
