# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.engines.evaluation.symbol_channel import Air, SymbolChannel
from percast.errors import UsageError

COUNT = 100_000


def sent(count=COUNT):
    symbols = np.random.default_rng(9).normal(size=(count, 2)) @ [1, 1j] * 0.5**0.5
    return symbols.astype(np.complex64)


def send(law, snr_db):
    symbols = sent()
    received, noise_var = law.propagate(symbols, snr_db, law.air(COUNT, 0))
    return received - symbols, noise_var


def db(power):
    return 10 * np.log10(power)


def test_awgn_has_the_power_that_is_stated():
    error, noise_var = send(SymbolChannel(), 7)
    np.testing.assert_allclose(noise_var, 10**-0.7, rtol=1e-6)
    assert db(np.mean(np.abs(error) ** 2)) == pytest.approx(-7, abs=0.1)
    assert np.mean(error.real**2) == pytest.approx(np.mean(error.imag**2), rel=0.03)
    assert np.mean(error.real * error.imag) == pytest.approx(0, abs=1e-2)


def test_rayleigh_fades_by_mean_power_one_and_says_so():
    law = SymbolChannel("rayleigh")
    gain = law.air(COUNT, 0).gain
    assert np.mean(gain) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(np.quantile(gain, [0.1, 0.5, 0.9]), [0.105, 0.693, 2.303], rtol=0.04)
    error, noise_var = send(law, 15)
    for part in np.array_split(np.argsort(noise_var), 5)[:-1]:  # but for the deepest fades
        assert db(np.mean(np.abs(error[part]) ** 2)) == pytest.approx(
            db(np.mean(noise_var[part])), abs=0.3
        )


def test_clipping_is_stated_as_if_it_faded_too():
    law = SymbolChannel("rayleigh", clipping_db=20)
    error, noise_var = send(law, 40)
    gain = law.air(COUNT, 0).gain
    np.testing.assert_allclose(noise_var, (1e-4 + 1e-2) / gain, rtol=1e-5)
    assert db(np.mean(np.abs(error[gain > 1]) ** 2)) == pytest.approx(-20, abs=0.2)


def test_erased_symbols_are_zero_and_the_rest_as_without():
    whole = SymbolChannel("rayleigh", seed=3)
    holed = SymbolChannel("rayleigh", erased=0.3, seed=3)
    received, noise_var = holed.propagate(sent(), 10, holed.air(COUNT, 5))
    lost = np.isinf(noise_var)
    assert lost.mean() == pytest.approx(0.3, abs=0.01)
    assert not received[lost].any()
    expected = whole.propagate(sent(), 10, whole.air(COUNT, 5))
    np.testing.assert_array_equal(received[~lost], expected[0][~lost])
    np.testing.assert_array_equal(noise_var[~lost], expected[1][~lost])
    nothing = SymbolChannel(erased=1.0)
    assert np.isinf(nothing.propagate(sent(), 10, nothing.air(COUNT, 0))[1]).all()


def test_a_picture_meets_the_same_air_at_every_snr_and_another_than_the_next():
    law = SymbolChannel("rayleigh", seed=1)
    (gain, noise), again = law.air(100, 7), law.air(100, 7)
    np.testing.assert_array_equal(noise, again.noise)
    np.testing.assert_array_equal(gain, again.gain)
    assert not np.array_equal(noise, law.air(100, 8).noise)
    assert not np.array_equal(noise, SymbolChannel("rayleigh", seed=2).air(100, 7).noise)


@pytest.mark.parametrize(("fades", "erased", "clipping_db"), [(0, 0, 0), (1, 0.3, 43), (1, 0, 20)])
def test_it_is_the_law_of_training(fades, erased, clipping_db):
    torch = pytest.importorskip("torch", reason="the training channel needs torch")
    from percast.engines.training import channel

    n, side, channels, snr_db = 2, 24, 32, 6.0
    generator = torch.Generator().manual_seed(0)

    def all_of(value, kind=torch.float32):
        return torch.full((n,), value, dtype=kind)

    conditions = channel.Conditions(
        all_of(channels, torch.int64), all_of(snr_db), all_of(fades, torch.bool), all_of(erased),
        all_of(1.0),
    )  # fmt: skip
    transmitted = torch.randn((n, 96, side, side), generator=generator) * 0.5**0.5
    air = channel.draw_air(conditions, side, side, generator)
    symbols, noise_var = channel.propagate(
        transmitted, conditions.channels, conditions.snr_db, air, clipping_db
    )

    def complex_symbols(planes):
        planes = planes[:, :channels].numpy()
        return (planes[:, 0::2] + 1j * planes[:, 1::2]).ravel().astype(np.complex64)

    half = channels // 2
    same = Air(air.gain[:, :half].numpy().ravel(), complex_symbols(air.noise))
    law = SymbolChannel("rayleigh" if fades else "awgn", erased, clipping_db)
    ours, stated = law.propagate(complex_symbols(transmitted), snr_db, same)
    np.testing.assert_allclose(ours, complex_symbols(symbols), atol=1e-5)
    np.testing.assert_allclose(stated, noise_var[:, :half].numpy().ravel(), rtol=1e-5)

    # And what is drawn has the same distribution.
    drawn = law.air(len(same.gain), 0)
    levels = [0.2, 0.4, 0.6, 0.8, 0.95]
    for quantity in (lambda a: a.gain, lambda a: a.noise.real, lambda a: np.abs(a.noise)):
        found, expected = (np.quantile(quantity(a), levels) for a in (drawn, same))
        np.testing.assert_allclose(found, expected, atol=0.06)


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"fading": "tdl-c"}, "--channel"),
        ({"erased": 1.5}, "--erased"),
        ({"erased": float("nan")}, "--erased"),
        ({"clipping_db": -3}, "--clipping"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_what_makes_no_channel_is_refused(options, flag):
    with pytest.raises(UsageError, match=flag), SymbolChannel.told_as_flags():
        SymbolChannel(**options)
