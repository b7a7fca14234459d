# SPDX-License-Identifier: GPL-3.0-or-later
"""The air between two radios, as streaming numpy: fading, clock and carrier errors, noise, ADC."""

from percast.blocks.channel.channel import Channel
from percast.blocks.channel.config import ChannelConfig

__all__ = ["Channel", "ChannelConfig"]
