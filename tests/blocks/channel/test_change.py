# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel that is changed while samples pass."""

import threading

import numpy as np
import pytest

from percast.blocks.channel import Channel, ChannelConfig
from percast.errors import UsageError

RATE = 4e6
TONE = 1 / 16  # cycles/sample


def tone(first: int, count: int) -> np.ndarray:
    return np.exp(2j * np.pi * TONE * np.arange(first, first + count)).astype(np.complex64)


def quiet(**more) -> Channel:
    return Channel(ChannelConfig(**{"snr_db": None, **more}), RATE)


def test_noise_of_another_snr_begins_with_the_next_samples():
    channel = quiet()
    assert np.array_equal(channel.process(tone(0, 4096)), tone(0, 4096))
    channel.change(snr_db=10)
    noise = channel.process(tone(4096, 65536)) - tone(4096, 65536)
    assert 10 * np.log10(np.mean(np.abs(noise) ** 2)) == pytest.approx(-10, abs=0.2)
    channel.change(snr_db=None)
    assert np.array_equal(channel.process(tone(0, 4096)), tone(0, 4096))


@pytest.mark.parametrize(("before", "snr_db"), [(30, -10), (-10, 30)])
def test_the_converters_full_scale_is_that_of_the_snr_in_force(before, snr_db):
    changed = quiet(snr_db=before, adc_bits=8)
    changed.change(snr_db=snr_db)
    begun = quiet(snr_db=snr_db, adc_bits=8)
    assert np.array_equal(changed.process(tone(0, 4096)), begun.process(tone(0, 4096)))


def test_the_carriers_phase_goes_on_through_every_change_of_its_offset():
    channel, heard, at = quiet(freq_offset=10e3), [], 0
    offsets = (10e3, -40e3, 0.0, 25e3)
    for offset in offsets:
        channel.change(freq_offset=offset)
        heard.append(channel.process(tone(at, 5000)) * np.conj(tone(at, 5000)))
        at += 5000
    steps = np.angle(np.concatenate(heard)[1:] * np.conj(np.concatenate(heard)[:-1]))
    assert np.abs(steps).max() < 2 * np.pi * 41e3 / RATE
    for offset, part in zip(offsets, heard, strict=True):
        turned = np.angle(np.sum(part[1:] * np.conj(part[:-1]))) / (2 * np.pi) * RATE
        assert turned == pytest.approx(offset, abs=1)


@pytest.mark.parametrize("model", ["rayleigh", "tdl-c", "awgn"])
def test_another_fading_is_what_it_says_that_it_is(model):
    channel = quiet(model="tdl-a", doppler=0)
    before = channel.process(tone(0, 10_000))
    assert np.std(before[200:] * np.conj(tone(200, 9800))) < 0.01  # constant
    channel.change(model=model, delay_spread=100e-9)
    after = channel.process(tone(10_000, 10_000))
    truth = channel.frequency_response(256, 15_000)[16]  # of the tone's bin
    gain = np.mean(after[500:] * np.conj(tone(10_500, 9500)))
    assert gain == pytest.approx(truth, abs=0.01)


def test_another_clock_stretches_what_comes_after_it():
    channel = quiet()
    channel.process(tone(0, 10_000))
    channel.change(clock_ppm=100)
    heard = channel.process(tone(10_000, 400_000))
    assert len(heard) == pytest.approx(400_000 / (1 + 100e-6), abs=30)
    part = heard[5000:-5000]
    cycles = np.angle(np.sum(part[1:] * np.conj(part[:-1]))) / (2 * np.pi)
    assert cycles == pytest.approx(TONE * (1 + 100e-6), abs=1e-8)
    channel.change(clock_ppm=0)
    assert np.array_equal(channel.process(tone(0, 4096)), tone(0, 4096))


@pytest.mark.parametrize(
    "change", [{"freq_offset": 3e6}, {"snr_db": 1e9}, {"model": "wire"}, {"doppler": 1e6}]
)
def test_what_cannot_be_is_refused_and_all_is_as_before(change):
    channel = quiet(model="tdl-a", doppler=0)
    before, config = channel.process(tone(0, 5000))[1000:], channel.config
    with pytest.raises(UsageError):
        channel.change(**change)
    assert channel.config == config
    again = channel.process(tone(5000, 5000))
    assert np.abs(again[:4000] / tone(5000, 4000) - (before / tone(1000, 4000))).max() < 1e-3


def test_seed_and_converter_stay_for_a_run():
    with pytest.raises(ValueError, match="seed"):
        quiet().change(seed=3)


def test_many_threads_may_change_it_while_samples_pass():
    channel, ended = quiet(), threading.Event()

    def turn(number: int) -> None:
        models = ("awgn", "tdl-a", "rayleigh")
        while not ended.is_set():
            channel.change(model=models[number], freq_offset=1e3 * number, snr_db=number)

    threads = [threading.Thread(target=turn, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        counts = [len(channel.process(tone(0, 5000))) for _ in range(50)]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert counts == [5000] * 50
    channel.change(model="awgn", freq_offset=0.0, snr_db=None)
    channel.process(tone(0, 10))
    turned = channel.process(tone(0, 1000)) * np.conj(tone(0, 1000))
    assert np.std(turned) < 1e-5 and abs(turned[0]) == pytest.approx(1, abs=1e-5)
