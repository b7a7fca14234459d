# SPDX-License-Identifier: GPL-3.0-or-later
"""The air between two radios, as streaming numpy: fading, clock and carrier errors, noise, ADC.

- `config`: what it does; `channel`: all of it in order; `limits`: what a receiver cannot follow
- `fading`, from `tdl_tables` and `sinusoids`: multipath that moves, by the filter `varying_fir`
- `clock`: sample clocks that disagree, by `fractional_delay`
- `impairments`: oscillators, mixers, amplifiers and converters
- `capacity`: what a perfect code could carry
"""

from percast.blocks.channel.channel import Channel
from percast.blocks.channel.config import ChannelConfig

__all__ = ["Channel", "ChannelConfig"]
