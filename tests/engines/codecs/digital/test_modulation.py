# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.engines.codecs.digital.modulation import demodulate, modulate

ORDERS = {2: "QPSK", 4: "16QAM", 6: "64QAM", 8: "256QAM"}


def constellation(bits_per_symbol: int) -> tuple[np.ndarray, np.ndarray]:
    """Every symbol, and the bits of each [2^q, q]."""
    number = np.arange(1 << bits_per_symbol)
    bits = (number[:, None] >> np.arange(bits_per_symbol)[::-1] & 1).astype(np.uint8)
    return modulate(bits.ravel(), bits_per_symbol), bits


@pytest.mark.parametrize("order", ORDERS)
def test_the_mean_power_of_all_symbols_is_one(order):
    symbols, _ = constellation(order)
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, abs=1e-6)
    assert len(set(symbols.tolist())) == 1 << order


@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_differ_in_one_bit(order):
    symbols, bits = constellation(order)
    distance = np.abs(symbols[:, None] - symbols)
    near = np.isclose(distance, distance[distance > 0].min(), rtol=1e-3)
    assert (np.sum(bits[:, None] != bits, axis=2)[near] == 1).all()


@pytest.mark.parametrize("order", ORDERS)
def test_the_mapping_is_that_of_38_211(order):
    py3gpp = pytest.importorskip("py3gpp", reason="pip install 'percast[test]'")
    symbols, bits = constellation(order)
    theirs = py3gpp.nrSymbolModulate(bits.ravel().astype(int), ORDERS[order])
    np.testing.assert_allclose(symbols, theirs, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_what_the_receiver_reads_is_bayes(order):
    """Against sums over the whole constellation, each symbol with a noise of its own."""
    symbols, bits = constellation(order)
    rng = np.random.default_rng(order)
    sent = symbols[rng.integers(len(symbols), size=200)]
    noise_var = rng.uniform(0.02, 2, 200).astype(np.float32)
    noise = rng.standard_normal(400).view(complex) * np.sqrt(noise_var / 2)
    received = (sent + noise).astype(np.complex64)
    likelihood = np.exp(-(np.abs(received[:, None] - symbols) ** 2) / noise_var[:, None])
    zero = likelihood @ (1 - bits.astype(float))
    expected = np.log(zero) - np.log(likelihood @ bits.astype(float))
    llr = demodulate(received, noise_var, order).reshape(200, order)
    near = np.abs(expected) < 50  # beyond, nothing is left to doubt
    np.testing.assert_allclose(llr[near], expected[near], rtol=2e-3, atol=2e-3)
    assert (llr[~near] * np.sign(expected[~near]) > 49).all()


def test_what_never_arrived_says_nothing():
    symbols = np.full(6, 0.7 + 0.7j, np.complex64)
    symbols[1] = np.nan
    symbols[2] = 1e30
    noise_var = np.array([np.inf, 0.1, 0.1, np.nan, -1, 0.1], np.float32)
    llr = demodulate(symbols, noise_var, 4).reshape(6, 4)
    assert (llr[:5] == 0).all() and (llr[5] != 0).all()


def test_no_noise_at_all_is_finite():
    symbols, bits = constellation(8)
    llr = demodulate(symbols, np.zeros(len(symbols), np.float32), 8)
    assert np.isfinite(llr).all()
    np.testing.assert_array_equal(llr < 0, bits.ravel())
