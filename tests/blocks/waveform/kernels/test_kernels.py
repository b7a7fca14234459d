# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled kernels do what their numpy twins do, also with NaN, infinities, denormal numbers
and silence; and the modem runs without them."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform import (
    bursts,
    demodulate,
    drift,
    kernels,
    papr,
    second_pass,
    synchronise,
    track,
    transmit,
)
from percast.blocks.waveform.coding import header_code, interleaver
from percast.blocks.waveform.formats.kinds import KINDS
from percast.blocks.waveform.kernels import cache
from percast.blocks.waveform.profile import PRESETS, open_profile
from percast.blocks.waveform.stream.condition import Conditioner
from percast.blocks.waveform.stream.tones import notch
from percast.blocks.waveform.stream.windows import carriers
from tests.blocks.waveform.conftest import Link

SHAPES = [(profile, kind) for profile in ("standard-4m", "wide-10m") for kind in KINDS]


@pytest.fixture(scope="module", autouse=True)
def compiled():
    kernels.warm_up()
    assert kernels.ready() is not None


@pytest.fixture
def both(monkeypatch):
    """Calls a function with the kernels, and without."""

    def call(function, *arguments, **named):
        fast = function(*arguments, **named)
        with monkeypatch.context() as m:
            m.setattr(kernels, "ready", lambda: None)
            slow = function(*arguments, **named)
        return fast, slow

    return call


def close(fast, slow, tolerance=1e-4):
    np.testing.assert_allclose(fast, slow, rtol=tolerance, atol=tolerance)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("freq", [0.0371, -0.45])
def test_tones_are_notched(both, rng, freq):
    samples = complex_noise(rng, 5000, 1.0) + np.exp(2j * np.pi * freq * np.arange(5000))
    state = np.array([0.3 - 0.2j], np.complex64)
    for part in np.split(samples.astype(np.complex64), [1, 1000]):
        (fast, fast_state), (slow, slow_state) = both(notch, part, freq, state)
        close(fast, slow)
        close(fast_state, slow_state)
        state = slow_state


def seen_packets(profile, symbols, channel="awgn", snr_db=12.0, frames=2, **impaired):
    """What `demodulate` was called with while packets were received through a channel."""
    link = Link(profile, seed=symbols)
    config = ChannelConfig(model=channel, snr_db=snr_db, seed=2, **impaired)
    air = Channel(config, profile.samp_rate, 1.0, profile.occupied_fraction)
    calls = []
    original = demodulate.second_pass

    def spy(*arguments):
        calls.append(arguments)
        return original(*arguments)

    with pytest.MonkeyPatch.context() as m:
        m.setattr(demodulate, "second_pass", spy)
        sent = np.concatenate([link.burst(i, symbols) for i in range(frames)])
        link.receive(air.process(np.concatenate([sent, np.zeros(30_000, np.complex64)])))
    assert calls
    return calls


@pytest.mark.parametrize(("preset", "kind"), SHAPES)
@pytest.mark.parametrize(
    "air",
    [
        {},
        {"channel": "tdl-c", "doppler": 60.0, "freq_offset": 9e3, "clock_ppm": 20.0},
        {"snr_db": 0.0},
        {"snr_db": 50.0},
    ],
)
def test_the_second_pass(preset, kind, air, both):
    profile = open_profile(preset).of(kind)
    if kind.startswith("short") and air.get("snr_db") == 0.0:
        air = {"snr_db": 5.0}
    symbols = 20_000 if kind.startswith("short") else 3000  # the former with a reference symbol
    for arguments in seen_packets(profile, symbols, **air):
        fast, slow = both(second_pass.second_pass, *arguments)
        assert fast.rate == pytest.approx(slow.rate, abs=1e-6)
        assert fast.drift == pytest.approx(slow.drift, abs=1e-8)
        assert fast.noise == pytest.approx(slow.noise, rel=1e-3)
        assert fast.evm_squared == pytest.approx(slow.evm_squared, rel=1e-3)
        close(fast.channel, slow.channel, 1e-4)
        # Where the channel is close to nothing, the smallest difference is a large one.
        error = np.abs(fast.symbols - slow.symbols) ** 2
        assert np.all(error < 1e-4 * slow.noise_var + 1e-8)
        close(fast.noise_var, slow.noise_var, 1e-3)


@pytest.mark.parametrize(("preset", "kind"), SHAPES)
@pytest.mark.parametrize("snr_db", [20.0, 3.0])
def test_the_header(preset, kind, snr_db, both, rng):
    p = open_profile(preset).of(kind)
    training = p.training_symbols
    shape = (training + p.header_symbols, len(p.occupied))
    rows = complex_noise(rng, shape[0] * shape[1]).reshape(shape)
    noise = 10 ** (-snr_db / 20) * 0.3 * rows[:training]
    rows[:training] = 0.3 * demodulate.known_training(p).conj() + noise
    rows[:, 50:90] *= 0.05
    for hit in (None, 4):
        if hit is not None:
            rows[training:][hit % p.header_symbols] *= 30  # by a burst
        fast, slow = both(demodulate._matched_header, p, rows)
        close(fast / np.abs(slow).max(), slow / np.abs(slow).max())


@pytest.mark.parametrize(("info_bits", "length"), [(472, 2304), (376, 1152), (376, 1024)])
def test_the_headers_code(info_bits, length, both, rng):
    bits = rng.integers(0, 2, info_bits).astype(np.uint8)
    fast, slow = both(header_code.encode, bits, length)
    np.testing.assert_array_equal(fast, slow)
    noise = rng.standard_normal(length) * 0.75
    llr = 2 * (slow + noise) / 0.75**2

    def decode():
        tried = []
        header_code.decode(llr, info_bits, lambda b: tried.append(b) or False)
        return tried

    for fast, slow in zip(*both(decode), strict=True):
        np.testing.assert_array_equal(fast, slow)


def spoilt(rng, n):
    """Noise with all that a broken driver may bring."""
    samples = complex_noise(rng, n) + np.complex64(0.2 - 0.1j)
    wild = (np.nan, np.inf, -np.inf, 1e30, 3e38, 1e-42, 1e-30, 0.0)
    for value in wild:
        for unit in (1, 1j):
            samples[rng.integers(0, n, 5)] = np.complex64(value * unit)
    samples[rng.integers(0, n)] = 1e9  # bears on the DC offset, if it may
    samples[n // 2 : n // 2 + 300] = np.complex64(1e-41 + 1e-44j)
    return samples


def test_the_stream_with_damaged_and_denormal_samples(both, rng):
    samples = spoilt(rng, 40_000)

    def run():
        conditioner = Conditioner()
        cuts = np.split(samples, [1, 1, 700, 5000, 5001, 30_000])
        return np.concatenate([conditioner.process(c) for c in cuts]), conditioner.bad_samples

    (fast, bad), (slow, as_bad) = both(run)
    assert bad == as_bad > 20
    assert np.isfinite(fast.view(np.float32)).all()
    close(fast, slow, 1e-5)


def test_detection_of_packets_tones_noise_and_nothing(both, rng):
    p = open_profile()
    noise = complex_noise(rng, 60_000)
    tone = np.exp(0.7j * np.arange(60_000)).astype(np.complex64)
    tones = {"none": 0 * noise, "noise": noise, "tone": tone + 0.01 * noise}
    tones["tone that ends"] = np.where(np.arange(60_000) < 20_000, tone, 0.1 * noise)
    for kind in KINDS:
        link = Link(p.of(kind), seed=5)
        sent = np.concatenate([link.burst(i, 1000) for i in range(4)])[:60_000]
        tones[kind] = np.pad(sent, (0, 60_000 - len(sent))) + 0.3 * noise
        tones[kind + " behind a tone"] = tones["tone that ends"] + np.roll(tones[kind], 15_000)
    found = 0
    for samples in tones.values():
        samples = samples.astype(np.complex64)
        for kind in KINDS:
            for end in (len(samples), 25_000, 700, 100, 0):
                for before in (None, 3, 60):
                    fast, slow = both(synchronise.find, p.of(kind), samples[:end], before)
                    assert fast == slow
                    found += fast is not None
    assert found > 20


@pytest.mark.parametrize("kind", KINDS)
def test_timing_and_carriers(kind, both, rng):
    p = open_profile("wide-10m").of(kind)
    link = Link(p, seed=6)
    sent = link.burst(0, 2000)
    sent = sent * np.exp(0.01j * np.arange(len(sent))) + link.noise(len(sent), 8.0)
    sent = sent.astype(np.complex64)
    _, start = synchronise.find(p, sent)
    families = next(f for f in synchronise.short_parts(p) if p in f)
    fast, slow = both(synchronise.locate, families, sent, start * synchronise.BLOCK)
    assert (fast.start, fast.profile) == (slow.start, slow.profile) == (slow.start, p)
    assert fast.freq_offset == pytest.approx(slow.freq_offset, abs=1e-9)
    assert fast.trained == pytest.approx(slow.trained, rel=1e-4)
    nothing = both(synchronise.locate, families, 0 * sent, start * synchronise.BLOCK)
    assert nothing == (None, None)

    def symbols():
        out = np.empty((5, len(p.occupied)), np.complex64)
        starts = np.array([0, 256, 700, 1500, 3000])
        carriers(p, sent, fast.start, starts, fast.freq_offset, out)
        return out

    close(*both(symbols), 2e-5)


@pytest.mark.parametrize("rows", [1, 2, 35, 261])
@pytest.mark.parametrize("papr_db", [3.0, 6.0, 8.5, 20.0])
@pytest.mark.parametrize("count", [papr.ROUNDS, 3])
def test_clipping_in_time_is_clipping_and_filtering(rows, papr_db, count, both, rng):
    p = PRESETS["standard-4m"]
    carriers = complex_noise(rng, rows * 200).reshape(rows, 200)
    fast, slow = both(papr.clip_and_filter, p, carriers, papr_db, count)
    close(fast, slow, 1e-5)


@pytest.mark.parametrize(("preset", "kind"), SHAPES)
@pytest.mark.parametrize("symbols", [1, 192, 9000, 24_577])
@pytest.mark.parametrize("papr_db", [None, 8.0])
def test_a_whole_picture_sent(preset, kind, symbols, papr_db, both, rng):
    p = open_profile(preset).of(kind)  # of 24,577 symbols, short packets have a reference symbol
    header, latent = Link(p).header(symbols=symbols), complex_noise(rng, symbols)

    def send():
        return np.concatenate(list(transmit.modulate(p, header, latent, papr_db, level=0.25)))

    close(*both(send), 1e-6)


@pytest.mark.parametrize("symbols", [1, 192, 24_577])
def test_the_interleaver(symbols, both, rng):
    latent, variance = complex_noise(rng, symbols), rng.random(symbols, np.float32)
    variance[::7] = np.inf
    np.testing.assert_array_equal(*both(interleaver.interleave, latent[::-1], 77))
    for fast, slow in zip(*both(interleaver.deinterleave, latent, variance, 77), strict=True):
        np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize("symbols", [1, 2, 8, 30, 80, 200])
def test_tracking_of_any_length(symbols, both, rng):
    fast = kernels.ready().track
    time = np.arange(symbols, dtype=np.float32) + 1.5
    gains = np.exp(0.02j * time) + 0.1 * complex_noise(rng, symbols)
    gains = gains.astype(np.complex64)
    rate = fast.rotation_rate(gains, track.rotation_grid(symbols))
    assert rate == pytest.approx(track.rotation_rate(gains), abs=1e-5)
    for variance in (1e-4, 0.02, 1.0):
        out = np.empty_like(gains)
        fast.smooth_gains(gains, variance, out)
        close(out, track.smooth_gains(gains, variance))
    carrier = np.array([-88.0, -38.0, 13.0, 88.0])
    power = np.array([1.0, 0.5, 0.2, 1.0])
    lever = np.outer(time, carrier)
    products = (power * np.exp(3e-4j * lever)).astype(np.complex64)
    spans = np.array(track.DRIFT_SPANS)
    drift = fast.clock_drift(products, power, carrier, time, spans, 1e-3)
    assert drift == pytest.approx(track.clock_drift(products, power, carrier, time), rel=1e-3)


@pytest.mark.parametrize("symbols", [1, 2, 8, 40])
def test_bursts(symbols, both, rng):
    error = complex_noise(rng, symbols * 8).reshape(symbols, 8)
    error[symbols // 2] *= 5
    fast = kernels.ready().bursts
    for noise in (0.7, 5.0, 1000.0):  # in the header; less than here, and more
        for got, wanted in zip(
            fast.payload_noise(error, noise, 16), bursts.payload_noise(error, noise), strict=True
        ):
            close(got, wanted, 1e-4)
    close(*both(bursts.row_power, error))


@pytest.mark.parametrize("moves", [0.0, 0.3])
def test_a_changing_channel(moves, both, rng):
    p = open_profile()
    time = np.linspace(0, 1, 60)[:, None]
    error = (0.1 * complex_noise(rng, 60 * 8).reshape(60, 8) + moves * time).astype(np.complex64)
    fast, slow = both(drift.channel_change, p, np.ones(200, np.complex64), error, 0.01, 6)
    for got, wanted in zip(fast, slow, strict=True):
        assert len(got) == len(wanted) == bool(moves)
        close(got, wanted)


def received(profile, samples):
    link = Link(profile)
    return link.receive(samples), link.receiver.stats


def test_the_whole_receiver_decides_as_numpy_does(both):
    link = Link(open_profile(), seed=8, papr_db=8.5)
    sent = np.concatenate([link.burst(i, n) for i, n in enumerate((700, 4096, 13_000))])
    sent = np.concatenate([sent, link.noise(60_000, 0.0)])
    sent[30_000:30_010] = np.nan
    sent += 0.02
    fast, slow = both(received, link.profile, (sent + link.noise(len(sent), 11.0)))
    assert replace(fast[1]) == slow[1]
    assert [x.header for x in fast[0]] == [x.header for x in slow[0]]
    assert len(fast[0]) >= 3
    snr = [link.latent_snr(x[0]) for x in (fast, slow)]
    assert snr[0] == pytest.approx(snr[1], abs=0.01)


def test_without_a_compiler_the_modem_runs_in_numpy_and_says_so():
    script = (
        "import logging, numpy as np; logging.basicConfig();"
        "from percast.blocks.waveform import kernels;"
        "from percast.blocks.waveform.profile import open_profile;"
        "from percast.blocks.waveform.receive import Receiver;"
        "r = Receiver(open_profile()); r.push(np.zeros(9999, np.complex64));"
        "print(kernels.ready(), r.stats.samples)"
    )
    hide = "import sys; sys.modules['numba'] = None;"
    for text, env in ((hide + script, {}), (script, {"NUMBA_DISABLE_JIT": "1"})):
        done = subprocess.run(
            [sys.executable, "-c", text], env=os.environ | env, capture_output=True, text=True,
            check=True, timeout=60,
        )  # fmt: skip
        assert done.stdout.split() == ["None", "9999"]
        assert done.stderr.count("without compiled kernels") == 1


def test_the_warm_up_is_said_once_and_is_kept():
    script = (
        "import logging; logging.basicConfig(level=logging.INFO);"
        "from percast.blocks.waveform import kernels; kernels.warm_up(); kernels.warm_up()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stderr.count("the modem's kernels: loaded in") == 1


def test_who_only_sends_has_the_kernels_before_the_first_picture():
    script = (
        "import logging; logging.basicConfig(level=logging.INFO);"
        "from percast.blocks.ofdm_modulator import OfdmModulator;"
        "from percast.blocks.waveform import kernels;"
        "from percast.blocks.waveform.profile import open_profile;"
        "from percast.blocks.waveform.receive import Receiver;"
        "OfdmModulator(open_profile()); assert kernels.ready(); Receiver(open_profile())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stderr.count("the modem's kernels: loaded in") == 1


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "_folder", None)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: "/proc")
    assert cache.settle("/proc/nowhere") == ""
    assert not cache.in_use()
    assert cache.is_empty()
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache.settle("/proc/nowhere").startswith(str(tmp_path))
    assert cache.in_use()


def test_nothing_is_loaded_that_somebody_else_may_have_put_there(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "_folder", None)
    monkeypatch.setattr(cache.os, "getuid", lambda: 12345)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache.settle(str(tmp_path / "theirs")) == ""
