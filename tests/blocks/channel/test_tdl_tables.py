# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.channel.tdl_tables import PROFILES


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_normalised_rms_spread_of_one(name):
    # A wrong digit in a strong or late tap shows here: 3GPP normalised each table to 1.
    profile = PROFILES[name]
    powers, delays = profile.rayleigh_powers(), np.array(profile.delays)
    rms_spread = np.sqrt(powers @ delays**2 - (powers @ delays) ** 2)
    assert rms_spread == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_mean_power_of_one(name):
    profile = PROFILES[name]
    assert profile.rayleigh_powers().sum() + profile.los_power() == pytest.approx(1, abs=1e-12)
    assert len(profile.delays) == len(profile.powers_db)


@pytest.mark.parametrize("name, k_factor", [("tdl-d", 13.3), ("tdl-e", 22.0)])
def test_the_first_tap_has_the_k_factor_of_the_document(name, k_factor):
    profile = PROFILES[name]
    ratio = profile.los_power() / profile.rayleigh_powers()[0]
    assert 10 * np.log10(ratio) == pytest.approx(k_factor, abs=0.01)
