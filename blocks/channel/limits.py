# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a channel a receiver cannot follow."""

from percast.blocks.channel.config import ChannelConfig
from percast.blocks.channel.tdl_tables import PROFILES
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.track import MAX_CLOCK_PPM


def limits(channel: ChannelConfig, profile: Profile) -> dict[str, str]:
    """A line for each setting of a channel that is more than a waveform can stand, by the names of
    the fields."""
    told = {}
    delay = longest_delay(channel)
    if delay > (prefix := profile.cp_len / profile.samp_rate):
        told["delay_spread"] = (
            f"the channel lasts {delay * 1e6:.2f} us, the cyclic prefix of {profile.name} only "
            f"{prefix * 1e6:.2f} us: expect interference between symbols, or choose another "
            "--profile"
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


def longest_delay(channel: ChannelConfig) -> float:
    """Of the last path over the first, s."""
    if channel.model not in PROFILES:
        return 0.0
    return max(PROFILES[channel.model].delays) * channel.delay_spread
