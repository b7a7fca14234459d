# SPDX-License-Identifier: GPL-3.0-or-later
"""A transmitter is never on the air where nobody asked for it, not even for a moment."""

from types import SimpleNamespace

import pytest

from percast.errors import UsageError
from tests.flowgraphs.radios.conftest import config, need

LOW, HIGH = 7e7, 3.8e9  # Hz, of every radio here


class Block:
    """In place of a driver's block, by the names that gr-uhd, gr-soapy and gr-osmosdr have: brings
    what it is asked for into its range without a word.

    Args:
        told: what the driver says of its range.
    """

    def __init__(self, told):
        self.told, self.carriers = told, []

    def get_frequency_range(self, channel):
        return self.told

    get_freq_range = get_frequency_range

    def set_frequency(self, channel, freq):
        self.carriers.append(min(max(freq, LOW), HIGH))

    def set_center_freq(self, freq, channel):
        self.set_frequency(channel, getattr(freq, "target_freq", freq))
        return self.carriers[-1]

    def get_frequency(self, channel):
        return self.carriers[-1]

    get_center_freq = get_frequency

    def get_gain_range(self, *_):
        return SimpleNamespace(start=lambda: 0, stop=lambda: 0, minimum=lambda: 0,
                               maximum=lambda: 0)  # fmt: skip

    def get_samp_rate(self):
        return 4e6

    def __getattr__(self, name):
        if name in ("get_gain_names", "list_gains"):
            return lambda *_: []
        return lambda *_: 0.0


def uhd_frontend(transmit: bool, silent: bool = False):
    need("gnuradio.uhd", "gnuradio")
    from gnuradio.uhd import meta_range_t

    from percast.flowgraphs.radios.uhd import UhdFrontend

    return UhdFrontend(Block(meta_range_t() if silent else meta_range_t(LOW, HIGH)), transmit)


def osmosdr_frontend(transmit: bool, silent: bool = False):
    need("osmosdr", "gr-osmosdr")
    from osmosdr import meta_range_t

    from percast.flowgraphs.radios.osmosdr import OsmosdrFrontend

    return OsmosdrFrontend(Block(meta_range_t() if silent else meta_range_t(LOW, HIGH)), transmit)


def soapy_frontend(transmit: bool, silent: bool = False):
    need("gnuradio.soapy", "gnuradio")
    from percast.flowgraphs.radios.soapy import SoapyFrontend

    spans = [] if silent else [(LOW, 1.1e9), (1.2e9, HIGH)]
    ranges = [SimpleNamespace(minimum=lambda a=a: a, maximum=lambda b=b: b) for a, b in spans]
    return SoapyFrontend(Block(ranges), transmit)


FRONTENDS = (uhd_frontend, osmosdr_frontend, soapy_frontend)


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize("freq", [9e9, 1e6])
def test_a_running_transmitter_stays_where_it_is(frontend, freq):
    front = frontend(transmit=True)
    assert front.tune(2.4e9, None) == {"freq": 2.4e9}
    with pytest.raises(UsageError, match="--freq .*: this radio tunes to .* instead"):
        front.tune(freq, None)
    assert front.block.carriers == [2.4e9]


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_transmitter_that_is_opened_goes_nowhere_else_first(frontend):
    front = frontend(transmit=True)
    with pytest.raises(UsageError, match="--freq 9000000000: this radio tunes to 3800000000"):
        front.set_up(config("uhd", freq=9e9))
    assert front.block.carriers == []


def test_between_two_ranges_is_beyond_both():
    front = soapy_frontend(transmit=True)
    with pytest.raises(UsageError, match="tunes to 1100000000 Hz"):
        front.tune(1.14e9, None)
    assert front.block.carriers == []


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_where_the_driver_does_not_tell_its_range_it_is_told_by_where_it_tunes_to(frontend):
    front = frontend(transmit=True, silent=True)
    front.tune(2.4e9, None)
    with pytest.raises(UsageError, match="tunes to 3800000000"):
        front.tune(9e9, None)
    assert front.block.carriers == [2.4e9, HIGH, 2.4e9]


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_receiver_goes_by_where_it_is_and_not_by_what_its_driver_says(frontend):
    """Direct sampling reaches below the tuner's range that drivers tell."""
    front = frontend(transmit=False)
    front.block.set_frequency = lambda channel, freq: front.block.carriers.append(freq)
    assert front.tune(7e6, None) == {"freq": 7e6}


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_where_the_gain_is_refused_the_carrier_stays_too(frontend):
    front = frontend(transmit=True)
    with pytest.raises(UsageError, match="--gain 99"):
        front.tune(2.4e9, 99.0)
    assert front.block.carriers == []
