# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.errors import UsageError

SAMP_RATE = 2e6
N, CP = 256, 32
OCCUPIED = np.r_[1:101, -100:0]
FRACTION = len(OCCUPIED) / N


def ofdm(symbols, seed=0):
    """QPSK on the occupied carriers: carriers complex [symbols, N], samples of unit power."""
    rng = np.random.default_rng(seed)
    carriers = np.zeros((symbols, N), complex)
    quadrants = rng.integers(0, 4, (symbols, len(OCCUPIED)))
    carriers[:, OCCUPIED] = np.exp(0.5j * np.pi * (quadrants + 0.5))
    samples = np.fft.ifft(carriers, axis=1) * N / np.sqrt(len(OCCUPIED))
    with_prefix = np.concatenate([samples[:, -CP:], samples], axis=1)
    return carriers, with_prefix.reshape(-1).astype(np.complex64)


def demodulate(samples, delay=0):
    """Carriers [symbols, N] on the scale of `ofdm`; the FFT window starts `delay` samples late."""
    whole = len(samples[delay:]) // (N + CP) * (N + CP)
    symbols = samples[delay : delay + whole].reshape(-1, N + CP)[:, CP:]
    return np.fft.fft(symbols, axis=1) * np.sqrt(len(OCCUPIED)) / N


def db(ratio):
    return 10 * np.log10(ratio)


def test_the_snr_of_an_occupied_subcarrier_is_the_one_that_was_set():
    carriers, samples = ofdm(400)
    assert np.mean(np.abs(samples) ** 2) == pytest.approx(1, rel=0.01)
    for snr_db in (-3, 10, 25):
        channel = Channel(ChannelConfig(snr_db=snr_db), SAMP_RATE, 1.0, FRACTION)
        error = (demodulate(channel.process(samples)) - carriers)[:, OCCUPIED]
        assert db(1 / np.mean(np.abs(error) ** 2)) == pytest.approx(snr_db, abs=0.1)


def test_the_snr_holds_for_any_transmit_level():
    carriers, samples = ofdm(400)
    channel = Channel(ChannelConfig(snr_db=7), SAMP_RATE, 0.01, FRACTION)
    error = (demodulate(channel.process(samples * np.float32(0.1))) * 10 - carriers)[:, OCCUPIED]
    assert db(1 / np.mean(np.abs(error) ** 2)) == pytest.approx(7, abs=0.1)


def test_the_snr_is_the_mean_over_the_fading():
    _, samples = ofdm(1500)
    config = {"model": "rayleigh", "doppler": 20e3, "seed": 1}
    clean = Channel(ChannelConfig(snr_db=None, **config), SAMP_RATE, 1.0, FRACTION)
    noisy = Channel(ChannelConfig(snr_db=10, **config), SAMP_RATE, 1.0, FRACTION)
    heard = clean.process(samples)
    noise = noisy.process(samples) - heard
    in_band = db(np.mean(np.abs(heard) ** 2) / np.mean(np.abs(noise) ** 2))
    assert in_band == pytest.approx(10 + db(FRACTION), abs=0.1)


CONFIGS = {
    "awgn": ChannelConfig(),
    "rayleigh": ChannelConfig("rayleigh", doppler=300),
    "static": ChannelConfig("tdl-a", doppler=0),
    "slow": ChannelConfig("tdl-c", doppler=10, freq_offset=20e3, clock_ppm=20),
    "fast": ChannelConfig("tdl-d", doppler=2000, clock_ppm=-200, phase_noise=100),
    "front end": ChannelConfig("tdl-e", freq_offset=-7e3, iq_gain_db=1, iq_phase_deg=3),
    "adc": ChannelConfig("awgn", snr_db=3, adc_bits=8),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_cut_into_chunks_does_not_matter(name):
    _, samples = ofdm(60)
    whole = Channel(CONFIGS[name], SAMP_RATE, 1.0, FRACTION)
    at_once = np.concatenate([whole.process(samples), whole.flush()])
    rng = np.random.default_rng(3)
    sizes = [0, 1, 1, 2, 3, 0, *rng.integers(0, 300, 30), 4096, 1, 1000]
    cut = Channel(CONFIGS[name], SAMP_RATE, 1.0, FRACTION)
    pieces = [cut.process(piece) for piece in np.split(samples, np.cumsum(sizes))]
    in_pieces = np.concatenate([*pieces, cut.flush()])
    assert in_pieces.dtype == at_once.dtype == np.complex64
    assert len(in_pieces) == len(at_once)
    assert np.max(np.abs(in_pieces - at_once)) < 2e-5


@pytest.mark.parametrize("name", CONFIGS)
def test_a_seed_makes_the_channel_repeatable(name):
    _, samples = ofdm(5)
    first, second = (Channel(CONFIGS[name], SAMP_RATE).process(samples) for _ in range(2))
    assert np.array_equal(first, second)


def test_another_seed_is_another_channel():
    one, two = (
        Channel(ChannelConfig("tdl-a", snr_db=None, seed=seed), SAMP_RATE) for seed in (1, 2)
    )
    assert np.max(np.abs(one.frequency_response(8, 0) - two.frequency_response(8, 0))) > 0.1


def test_switching_on_an_effect_leaves_the_noise_as_it_was():
    x = np.zeros(1000, np.complex64)
    plain = Channel(ChannelConfig(), SAMP_RATE).process(x)
    faded = Channel(ChannelConfig("tdl-b", phase_noise=10.0), SAMP_RATE).process(x)
    assert np.array_equal(plain, faded)


@pytest.mark.parametrize("freq_offset", [0.0, 90e3])
@pytest.mark.parametrize("model", ["rayleigh", "tdl-a", "tdl-c", "tdl-e"])
def test_the_frequency_response_is_what_an_ideal_receiver_estimates(model, freq_offset):
    config = ChannelConfig(model, snr_db=None, freq_offset=freq_offset, seed=9)
    channel = Channel(config, SAMP_RATE)
    carriers, samples = ofdm(20)
    received = channel.process(samples)
    received *= np.exp(-2j * np.pi * freq_offset / SAMP_RATE * np.arange(len(received)))
    # The window starts where the prefix still covers the filter's look-ahead and the last path.
    estimates = demodulate(received)[:, OCCUPIED] / carriers[:, OCCUPIED]
    for symbol in range(1, 20):
        middle = symbol * (N + CP) + CP + N // 2
        truth = channel.frequency_response(N, middle)[OCCUPIED]
        error = np.mean(np.abs(estimates[symbol] - truth) ** 2) / np.mean(np.abs(truth) ** 2)
        assert db(error) < -40


@pytest.mark.parametrize("model", ["awgn", "tdl-c"])
def test_a_clock_offset_costs_an_ofdm_symbol_only_its_own_interference(model):
    config = ChannelConfig(model, snr_db=None, doppler=0, clock_ppm=20, seed=2)
    channel = Channel(config, SAMP_RATE)
    carriers, samples = ofdm(100)
    received = demodulate(channel.process(samples))
    k = np.fft.fftfreq(N) * N
    middle = np.arange(len(received))[:, None] * (N + CP) + CP + N / 2
    lag = channel.delay - channel.fading.delay
    turned = np.exp(2j * np.pi * k / N * (middle * 20e-6 - lag))
    wanted = carriers[: len(received)] * turned * channel.frequency_response(N, 0)
    error = np.abs((received - wanted)[1:, OCCUPIED]) ** 2
    # Carriers off their bins by 20e-6 k interfere with (pi 20e-6 k)^2 / 3: Pollet, Spruyt,
    # Moeneclaey, "The BER performance of OFDM systems using non-synchronized sampling", 1994.
    inherent = np.mean((np.pi * 20e-6 * k[OCCUPIED]) ** 2 / 3)
    assert db(np.mean(error) / np.mean(np.abs(wanted[:, OCCUPIED]) ** 2)) < db(inherent) + 1


def test_nothing_of_a_burst_is_lost():
    config = ChannelConfig("tdl-c", snr_db=None, delay_spread=1e-6, clock_ppm=-50)
    _, samples = ofdm(10)
    channel, reference = Channel(config, SAMP_RATE), Channel(config, SAMP_RATE)
    burst = np.concatenate([channel.process(samples), channel.flush()])
    padded = reference.process(np.concatenate([samples, np.zeros(2000, np.complex64)]))
    assert np.max(np.abs(padded[: len(burst)] - burst)) < 1e-5
    assert np.max(np.abs(padded[len(burst) :])) < 1e-5


def test_the_stream_goes_on_after_a_flush():
    channel = Channel(ChannelConfig("tdl-c", snr_db=None, doppler=0), SAMP_RATE)
    _, samples = ofdm(3)
    first = np.concatenate([channel.process(samples), channel.flush()])
    second = np.concatenate([channel.process(samples), channel.flush()])
    assert np.max(np.abs(first - second)) < 1e-5


def test_a_clear_channel_hands_back_a_copy():
    x = np.ones(10, np.complex64)
    y = Channel(ChannelConfig(snr_db=None), SAMP_RATE).process(x)
    assert np.array_equal(x, y) and not np.shares_memory(x, y)
    assert len(Channel(ChannelConfig(snr_db=None), SAMP_RATE).flush()) == 0


def test_the_bulk_delay_is_where_a_pulse_comes_out():
    config = ChannelConfig("tdl-e", snr_db=None, delay_spread=0, doppler=0, clock_ppm=0.01)
    channel = Channel(config, SAMP_RATE)
    pulse = np.zeros(200, np.complex64)
    pulse[50] = 1
    assert np.argmax(np.abs(channel.process(pulse))) == 50 + channel.delay


def test_a_channel_longer_than_the_prefix_can_be_told():
    config = ChannelConfig("tdl-c", delay_spread=300e-9)
    assert Channel(config, SAMP_RATE).max_delay == pytest.approx(8.6523 * 300e-9)
    assert Channel(ChannelConfig(), SAMP_RATE).max_delay == 0


@pytest.mark.parametrize("chunk", [1, 100, 40_000])
def test_a_carrier_offset_turns_the_phase_by_the_sample(chunk):
    channel = Channel(ChannelConfig(snr_db=None, freq_offset=12_345.0), SAMP_RATE)
    parts = [channel.process(np.ones(chunk, np.complex64)) for _ in range(3)]
    exact = np.exp(2j * np.pi * 12_345.0 / SAMP_RATE * np.arange(3 * chunk))
    assert np.max(np.abs(np.concatenate(parts) - exact)) < 1e-5


@pytest.mark.parametrize(
    "change, samp_rate, word",
    [
        ({}, 0, "--samp-rate"),
        ({}, float("nan"), "--samp-rate"),
        ({"freq_offset": 1e6}, 2e6, "--freq-offset"),
        ({"model": "tdl-a", "doppler": 5e4}, 2e6, "--doppler"),
        ({"snr_db": float("nan")}, 2e6, "snr_db"),
    ],
)
def test_a_channel_that_the_sample_rate_forbids_is_refused(change, samp_rate, word):
    with pytest.raises(UsageError, match=f"^{word}"):
        Channel(ChannelConfig(**change), samp_rate)
