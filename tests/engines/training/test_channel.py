# SPDX-License-Identifier: GPL-3.0-or-later
"""The training channel against the numpy waveform, and against the codec that decodes behind it."""

# ruff: noqa: E402 - the imports must follow importorskip
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.blocks.channel import Channel, ChannelConfig
from percast.blocks.channel.impairments import complex_noise
from percast.blocks.waveform.papr import clip_and_filter
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB, packet_span
from percast.engines.codecs.contract import CodedImage
from percast.engines.codecs.latent import to_word
from percast.engines.codecs.learned import CODEC_ID, LearnedCodec
from percast.engines.networks import Generator
from percast.engines.training import channel
from percast.engines.training.channel import Conditions, Rates
from percast.engines.training.config import Config
from tests.blocks.waveform.conftest import Link as WaveformLink

TRAINED = (-1.0, 19.0)


def db(power) -> float:
    return 10 * np.log10(power)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def conditions(count=4, channels=96, snr_db=10.0, fades=False, erased=0.0) -> Conditions:
    def all_of(value, kind=torch.float32):
        return torch.full((count,), value, dtype=kind)

    return Conditions(
        all_of(channels, torch.int64), all_of(snr_db), all_of(fades, torch.bool), all_of(erased),
        all_of(1.0),
    )  # fmt: skip


def send(c: Conditions, clipping_db=0.0, side=16, seed=0):
    """Errors complex [n] and stated variances [n] of the symbols that arrived; sent; variances."""
    latent = torch.randn((len(c.channels), 96, side, side), generator=generator(seed)) * 3
    sent, level = channel.transmit(latent, c.channels)
    air = channel.draw_air(c, side, side, generator(seed + 1))
    symbols, noise_var = channel.propagate(sent, c.channels, c.snr_db, air, clipping_db)
    error = symbols - sent
    arrived = torch.isfinite(noise_var)
    complex_error = torch.complex(error[:, 0::2], error[:, 1::2])[arrived]
    return complex_error.numpy(), noise_var[arrived].numpy(), sent, noise_var


def waveform(config: ChannelConfig, papr_db: float, images: int):
    """The same from the numpy transmitter, channel and receiver; each picture in a channel anew."""
    errors, variances = [], []
    for seed in range(images):
        link = WaveformLink(seed=seed, papr_db=papr_db)
        p = link.profile
        air = Channel(replace(config, seed=seed), p.samp_rate, 1.0, p.occupied_fraction)
        samples = np.concatenate([link.burst(0, 6144), np.zeros(4096, np.complex64)])
        for packet in link.receive(air.process(samples)):
            lo, hi = packet_span(p, 6144, packet.header.packets, packet.header.packet)
            errors.append(packet.symbols - link.sent[0][lo:hi])
            variances.append(packet.noise_var)
    return np.concatenate(errors), np.concatenate(variances)


def by_reliability(error, variance, parts=6):
    """Stated and true noise, dB, of the symbols from the best to the worst; but for the worst."""
    groups = np.array_split(np.argsort(variance), parts)[:-1]
    stated = [db(np.mean(variance[group])) for group in groups]
    true = [db(np.mean(np.abs(error[group]) ** 2)) for group in groups]
    return np.array(stated), np.array(true)


def test_noise_is_that_of_the_waveform_in_awgn():
    theirs = waveform(ChannelConfig(snr_db=7.0), 8.5, 8)
    ours = send(conditions(snr_db=7.0), clipping_db=43)[:2]
    for error, variance in (theirs, ours):
        assert db(np.mean(np.abs(error) ** 2)) == pytest.approx(-7, abs=0.3)
        assert db(np.mean(variance)) == pytest.approx(-7, abs=0.3)
        assert np.mean(error.real**2) == pytest.approx(np.mean(error.imag**2), rel=0.05)
    assert np.std(db(ours[1])) < 0.01 and np.std(db(theirs[1])) < 0.5


def test_fading_is_that_of_the_waveform():
    config = ChannelConfig(model="tdl-c", snr_db=15.0, delay_spread=600e-9)
    theirs = waveform(config, 8.5, 40)
    ours = send(conditions(snr_db=15.0, fades=True), clipping_db=43)[:2]
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        db(np.quantile(ours[1], levels)), db(np.quantile(theirs[1], levels)), atol=0.8
    )
    for error, variance in (theirs, ours):
        stated, true = by_reliability(error, variance)
        np.testing.assert_allclose(true, stated, atol=0.7)
        assert stated[-1] - stated[0] > 8


def signal_to_clipping_db(papr_db: float) -> float:
    """What clip-and-filter leaves of the carriers, to what it adds to them."""
    p = WaveformLink().profile
    carriers = complex_noise(np.random.default_rng(0), 300 * len(p.occupied)).reshape(300, -1)
    clipped = clip_and_filter(p, carriers, papr_db)
    gain = np.vdot(carriers, clipped) / np.vdot(carriers, carriers)
    return -db(np.mean(np.abs(clipped - gain * carriers) ** 2))


def test_training_clips_as_the_waveform_does_unless_told_otherwise():
    assert Config(steps=1).clipping_db == pytest.approx(
        signal_to_clipping_db(DEFAULT_PAPR_DB), abs=1.5
    )


def test_clipping_is_that_of_the_waveform():
    """Strong clipping, little else: a floor under the error that fading hardly raises, though the
    receiver, which measures it on the header, believes that it does. (That its channel estimate
    suffers too, which costs 1 to 3 dB on the weaker carriers, is not modelled.)"""
    clipping_db = signal_to_clipping_db(5.0)
    config = ChannelConfig(model="tdl-c", snr_db=35.0, delay_spread=600e-9)
    theirs = by_reliability(*waveform(config, 5.0, 40))
    ours = by_reliability(*send(conditions(snr_db=35.0, fades=True), clipping_db)[:2])
    np.testing.assert_allclose(ours[0], theirs[0], atol=1.5)  # stated
    np.testing.assert_allclose(ours[1][:3], theirs[1][:3], atol=2)  # true
    for stated, true in (ours, theirs):
        assert true[0] > stated[0] + 2  # more than stated where the channel is good
        assert np.ptp(true) < 0.5 * np.ptp(stated)


class Listener:
    """Stands in for the generator's engine, and keeps what it is given."""

    inputs = Generator.inputs

    def run(self, inputs):
        self.given = inputs
        return {"image": np.zeros((1, 3, 64, 80), np.float32)}

    def close(self):
        pass


@pytest.mark.parametrize(
    ("channels", "snr_db", "fades", "erased", "scale"),
    [(32, 7.0, False, 0.0, 3), (96, 3.0, True, 0.4, 0.02), (8, 19.0, True, 1.0, 20)],
)
def test_the_generator_is_given_what_the_codec_will_give_it(
    model, channels, snr_db, fades, erased, scale
):
    h, w = 11, 14
    c = conditions(1, channels, snr_db, fades, erased)
    latent = scale * torch.randn((1, 96, h, w), generator=generator())
    latent[..., 7:] *= 0.1  # a smooth half
    sent, level = channel.transmit(latent, c.channels)
    air = channel.draw_air(c, h, w, generator(1))
    symbols, noise_var = channel.propagate(sent, c.channels, c.snr_db, air, 36.0)
    received = channel.weigh(symbols, noise_var, level, TRAINED)

    with LearnedCodec(model, engines=(None, Listener())) as codec:
        word = to_word(channels, float(level))
        coded = CodedImage(
            16 * w, 16 * h, Fraction(channels, 1536), CODEC_ID, word, model.id, snr_db, 1.0
        )
        planes = symbols[0].numpy().astype(np.float32)
        on_air = (planes[0:channels:2] + 1j * planes[1:channels:2]).astype(np.complex64)
        codec.decode(coded, on_air.ravel(), noise_var[0, : channels // 2].numpy().ravel())
        given = codec.generator.given
    np.testing.assert_allclose(received.latent, given["latent"], atol=1e-3 * scale, rtol=1e-3)
    np.testing.assert_allclose(received.reliability, given["reliability"], atol=1e-6)
    known = [received.snr_db[0] / channel.CONDITION_SNR_DB, channels / 96, 1.0]
    np.testing.assert_allclose(known, given["condition"][0], atol=1e-5)


@pytest.mark.parametrize("channels", [8, 32, 96])
def test_a_prefix_is_sent_at_unit_power(channels):
    _, _, sent, noise_var = send(conditions(3, channels))
    power = sent[:, :channels].square().mean((1, 2, 3)) * 2
    np.testing.assert_allclose(power, 1, rtol=1e-4)
    assert not sent[:, channels:].any()
    assert torch.isinf(noise_var[:, channels // 2 :]).all()
    assert torch.isfinite(noise_var[:, : channels // 2]).all()


def test_erased_symbols_are_zero_and_the_rest_untouched():
    c = conditions(8, erased=0.3)
    latent = torch.randn((8, 96, 16, 16), generator=generator())
    sent, level = channel.transmit(latent, c.channels)
    air = channel.draw_air(c, 16, 16, generator())
    symbols, noise_var = channel.propagate(sent, c.channels, c.snr_db, air)
    lost = torch.isinf(noise_var)
    assert lost.float().mean() == pytest.approx(0.3, abs=0.01)
    lost_values = lost.repeat_interleave(2, 1)
    assert not symbols[lost_values].any()
    whole, noise = channel.propagate(
        sent, c.channels, c.snr_db, air._replace(gain=torch.ones_like(air.gain))
    )
    assert torch.equal(symbols[~lost_values], whole[~lost_values])
    assert torch.equal(noise_var[~lost], noise[~lost])
    received = channel.weigh(symbols, noise_var, level, TRAINED)
    assert torch.isfinite(received.latent).all()
    assert received.snr_db.numpy() == pytest.approx(10, abs=1e-3)  # of those that arrived


def test_a_latent_comes_back_at_its_own_level():
    c = conditions(2, 32, 60.0)
    scales = torch.tensor([0.1, 7])[:, None, None, None]
    latent = scales * torch.randn((2, 96, 4, 4), generator=generator())
    sent, level = channel.transmit(latent, c.channels)
    arrived = channel.propagate(sent, c.channels, c.snr_db, channel.draw_air(c, 4, 4, generator()))
    received = channel.weigh(*arrived, level, TRAINED)
    assert torch.allclose(received.latent[:, :32] / scales, latent[:, :32] / scales, atol=0.02)


def test_gradients_reach_the_encoder_through_every_channel():
    c = conditions(4, 32, 5.0, fades=True, erased=0.5)
    latent = torch.randn((4, 96, 4, 4), generator=generator(), requires_grad=True)
    sent, level = channel.transmit(latent, c.channels)
    air = channel.draw_air(c, 4, 4, generator())
    arrived = channel.propagate(sent, c.channels, c.snr_db, air, 36.0)
    received = channel.weigh(*arrived, level, TRAINED)
    received.latent.square().sum().backward()
    assert torch.isfinite(latent.grad).all()
    assert latent.grad[:, :32].any() and not latent.grad[:, 32:].any()


def draw_conditions(config: Config, seed: int) -> Conditions:
    rates = Rates.on(torch.device("cpu"), config)
    return channel.draw_conditions(16, config, rates, generator(seed))


def test_conditions_are_drawn_as_the_configuration_says():
    config = Config(steps=1)
    drawn = [draw_conditions(config, seed) for seed in range(400)]
    c = Conditions(*map(torch.cat, zip(*drawn, strict=True)))
    for rate, odds in zip(config.rates, config.rate_odds, strict=True):
        assert (c.channels == rate).float().mean() == pytest.approx(odds, abs=0.03)
    assert c.snr_db.min() >= -1 and c.snr_db.max() <= 19
    assert c.snr_db.mean() == pytest.approx(9, abs=0.3)
    assert c.fades.float().mean() == pytest.approx(config.fading_share, abs=0.03)
    assert (c.erased > 0).float().mean() == pytest.approx(config.erasure_share, abs=0.02)
    assert c.erased.max() <= config.most_erased
    assert (c.realism == 0).float().mean() == pytest.approx(0.2, abs=0.01)
    assert (c.realism == 1).float().mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("faithful", "lifelike"), [(0.2, 0.4), (0, 0), (0.5, 0.5), (1, 0), (0, 1)])
def test_the_lifelike_crops_of_a_batch_are_its_last(faithful, lifelike):
    config = Config(steps=1, faithful_share=faithful, lifelike_share=lifelike)
    first = channel.first_above(0.3, 16, config)
    for seed in range(50):
        realism = draw_conditions(config, seed).realism
        assert (realism.diff() >= 0).all()
        assert (realism[:first] <= 0.3).all() and (realism[first + 1 :] > 0.3).all()
