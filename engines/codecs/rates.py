# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates of the learned code; see `percast.engines.codecs.learned`."""

from fractions import Fraction

from percast.engines.manifest import Model
from percast.errors import UsageError

_MIN_CHANNELS = 8  # the lowest rate in training


def channels_for_cbr(cbr: Fraction, model: Model) -> int:
    """Latent channels of a nominal channel bandwidth ratio.

    Raises:
        UsageError: the ratio is not that of an even number of channels of this model.
    """
    channels = cbr * 2 * 3 * model.stride**2  # two channels a symbol, three samples a pixel
    if channels % 2 == 0 and _MIN_CHANNELS <= channels <= model.latent_channels:
        return int(channels)
    usual = ", ".join(str(rate) for rate in model.rates)
    raise UsageError(f"model '{model.name}' has no rate {cbr}: use one of {usual}")
