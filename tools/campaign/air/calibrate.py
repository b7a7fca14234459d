# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains of the transmitter for wanted SNRs at the receiver."""

from collections.abc import Callable, Iterable
from statistics import fmean

from percast.errors import LinkError
from percast.tools.campaign.sections import AirSection

_STEPS = 8
_PROBES = 2  # packets a step
_LOUDER = 6.0  # dB, where nothing arrives

Measure = Callable[[float], float | None]
"""Gain in dB -> SNR in dB that is received with it; None where nothing is."""


def calibrate(
    snrs_db: Iterable[float], air: AirSection, measure: Measure
) -> dict[float, tuple[float, float]]:
    """Finds a gain for each SNR.

    Args:
        snrs_db: wanted, dB.
        air: its gains are the range; its tolerance is of the SNR.
        measure: sends something.

    Returns:
        By wanted SNR: gain, and the SNR that was measured with it.

    Raises:
        LinkError: an SNR that no gain gives.
    """
    found = {}
    gain = air.gain_first
    for wanted in sorted(snrs_db):
        found[wanted] = gain, _ = _find(wanted, gain, air, measure)
    return found


def _find(wanted: float, gain: float, air: AirSection, measure: Measure) -> tuple[float, float]:
    tried: dict[float, float] = {}
    for _ in range(_STEPS):
        probes = [measure(gain) for _ in range(_PROBES)]
        heard = [snr for snr in probes if snr is not None]
        if heard:
            tried[gain] = fmean(heard)
            if abs(tried[gain] - wanted) <= air.tolerance:
                return gain, tried[gain]
        step = wanted - tried[gain] if heard else _LOUDER
        # Radios have whole decibels, and noise moves the figure by less.
        nearer = min(max(float(round(gain + step)), air.gain_least), air.gain_most)
        if nearer == gain:
            break
        gain = nearer
    if not tried:
        raise LinkError(
            f"calibration for {wanted:g} dB: nothing arrives with a gain up to {gain:g} dB: check "
            "freq, antennas and the receiver's gain"
        )
    best = min(tried, key=lambda each: abs(tried[each] - wanted))
    if abs(tried[best] - wanted) <= 2 * air.tolerance:  # between two steps of the radio
        return best, tried[best]
    raise LinkError(
        f"calibration for {wanted:g} dB: a gain of {best:g} dB gives {tried[best]:.1f} dB, the "
        f"nearest between {air.gain_least:g} and {air.gain_most:g} dB: change gain_least, "
        "gain_most or the receiver's gain"
    )
