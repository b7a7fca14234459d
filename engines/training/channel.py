# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel as training sees it: what the waveform delivers to the receiver, differentiable.

The OFDM waveform spreads a picture's symbols over time and frequency, equalises each by its own
channel gain and states the variance of the noise that is left (`percast.blocks.waveform`). Behind
its interleaver that is, for symbol k of unit mean power,

    received_k = sent_k + sqrt(1 / (g_k snr) + 1 / clipping) n_k,    g_k = |H_k|^2, E g = 1,

with n_k circular Gaussian of unit power; g_k = 1 without fading, exponential (Rayleigh) with it,
and 0 where a packet was lost. 1 / clipping is the noise of the transmitter's clip-and-filter: it
is sent along, so equalisation does not amplify it. The receiver measures noise and clipping
together on the header, and states (1 / snr + 1 / clipping) / g_k.

Latents are real: channels 2i and 2i + 1 are the real and imaginary part of symbol plane i.
Everything here is float32, whatever autocast says.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from percast.engines.codecs.latent import LEAST_POWER, WINDOW
from percast.engines.networks import LATENT_CHANNELS
from percast.engines.training.config import Config

CONDITION_SNR_DB = 20.0
"""The networks see SNR / 20, as in `percast.engines.codecs.learned`."""

_LEAST = 1e-12  # of a denominator: no noise, and nothing sent


class Conditions(NamedTuple):
    """What a batch of N crops is sent through.

    channels int64 [N], latent channels sent; snr_db float32 [N]; fades bool [N]; erased float32
    [N], share of symbols that never arrive; realism float32 [N] in 0..1, ascending.
    """

    channels: Tensor
    snr_db: Tensor
    fades: Tensor
    erased: Tensor
    realism: Tensor


class Rates(NamedTuple):
    """Which rates there are, where conditions are drawn.

    A list becomes a tensor on a GPU by a copy that waits for all that the GPU has yet to do; so
    this is made once, and not in each step.

    channels int64 [R], latent channels sent; odds float32 [R], how often each, their sum 1.
    """

    channels: Tensor
    odds: Tensor

    @classmethod
    def on(cls, device: torch.device, config: Config) -> "Rates":
        total = sum(config.rate_odds)
        odds = [share / total for share in config.rate_odds]
        return cls(torch.tensor(config.rates, device=device), torch.tensor(odds, device=device))


class Air(NamedTuple):
    """What becomes of each symbol.

    gain float32 [N, 48, h, w], |H|^2, 0 where nothing arrives; noise float32 [N, 96, h, w],
    Gaussian, unit power for each complex symbol.
    """

    gain: Tensor
    noise: Tensor


class Received(NamedTuple):
    """What the generator is given: its own inputs, see `percast.engines.networks.Generator`.

    latent float32 [N, 96, h, w], reliability float32 [N, 48, h, w], snr_db float32 [N].
    """

    latent: Tensor
    reliability: Tensor
    snr_db: Tensor


def draw_conditions(
    count: int, config: Config, rates: Rates, generator: torch.Generator
) -> Conditions:
    """Random conditions for a batch; on the generator's device, where the rates must be.

    Realism is drawn by strata and ascends, so every batch has its share of lifelike crops, and
    those for the adversary are a slice whose length is known without asking the GPU.
    """
    device = generator.device

    def uniform() -> Tensor:
        return torch.rand(count, generator=generator, device=device)

    drawn = torch.multinomial(rates.odds, count, replacement=True, generator=generator)
    low, high = config.snr_db
    loses, most = uniform() < config.erasure_share, uniform() * config.most_erased
    return Conditions(
        channels=rates.channels[drawn],
        snr_db=low + (high - low) * uniform(),
        fades=uniform() < config.fading_share,
        erased=torch.where(loses, most, torch.zeros_like(most)),
        realism=_realism(
            (torch.arange(count, device=device) + uniform()) / count,
            config.faithful_share,
            config.lifelike_share,
        ),
    )


def _realism(quantile: Tensor, faithful: float, lifelike: float) -> Tensor:
    """Realism at quantiles in 0..1: 0 for the first share, 1 for the last, a ramp between."""
    between = 1 - faithful - lifelike
    if between <= 0:
        return (quantile >= faithful).float()
    return ((quantile - faithful) / between).clamp(0, 1)


def first_above(realism: float, count: int, config: Config) -> int:
    """Where in a batch drawn by `draw_conditions` crops may begin to exceed a realism in 0..1.

    All before it have at most that much.
    """
    between = max(0.0, 1 - config.faithful_share - config.lifelike_share)
    return int((config.faithful_share + realism * between) * count)


def draw_air(conditions: Conditions, height: int, width: int, generator: torch.Generator) -> Air:
    """Fading, erasures and noise of every symbol of a latent of height x width positions."""
    count, device = len(conditions.channels), generator.device
    shape = (count, LATENT_CHANNELS // 2, height, width)
    rayleigh = torch.empty(shape, device=device).exponential_(generator=generator)
    gain = torch.where(_wide(conditions.fades), rayleigh, torch.ones_like(rayleigh))
    arrives = torch.rand(shape, generator=generator, device=device) >= _wide(conditions.erased)
    noise = torch.randn((count, LATENT_CHANNELS, height, width), generator=generator, device=device)
    return Air(gain * arrives, noise * 0.5**0.5)


def transmit(latent: Tensor, channels: Tensor) -> tuple[Tensor, Tensor]:
    """The first `channels` of a latent at unit mean power per complex symbol, and zeros.

    Args:
        latent: [N, 96, h, w].
        channels: int64 [N].

    Returns:
        What is sent, float32 [N, 96, h, w]; and its level, float32 [N]: the root of the mean power
        that it had, which travels in the header.
    """
    wanted = latent.float() * _mask(channels, latent)
    values = channels.float() * latent.shape[2] * latent.shape[3]
    power = 2 * wanted.square().sum((1, 2, 3)) / values  # of complex symbols
    level = power.clamp(min=LEAST_POWER).sqrt()
    return wanted / _wide(level), level


def propagate(
    sent: Tensor, channels: Tensor, snr_db: Tensor, air: Air, clipping_db: float = 0.0
) -> tuple[Tensor, Tensor]:
    """What the waveform's receiver gives out.

    Args:
        sent: float32 [N, 96, h, w], of `transmit`.
        channels: int64 [N].
        snr_db: float32 [N], mean Es/N0 of an occupied subcarrier.
        air: of `draw_air`.
        clipping_db: signal to clipping noise, dB; 0 = no clipping.

    Returns:
        Equalised symbols float32 [N, 96, h, w], 0 where none arrived; and the noise variance that
        the receiver states for each complex symbol, float32 [N, 48, h, w], infinite there.
    """
    clipping = 10 ** (-clipping_db / 10) if clipping_db else 0.0
    thermal = _wide(10 ** (-snr_db / 10))
    arrived = (air.gain > 0) & (_mask(channels, sent)[:, ::2] > 0)
    gain = torch.where(arrived, air.gain, torch.ones_like(air.gain))
    deviation = (thermal / gain + clipping).sqrt().repeat_interleave(2, 1)
    symbols = (sent + deviation * air.noise) * arrived.repeat_interleave(2, 1)
    infinite = torch.full_like(gain, torch.inf)
    return symbols, torch.where(arrived, (thermal + clipping) / gain, infinite)


def weigh(
    symbols: Tensor,
    noise_var: Tensor,
    level: Tensor,
    trained_db: tuple[float, float],
) -> Received:
    """What the generator must know of the channel, as `percast.engines.codecs.latent` computes it.

    A symbol's reliability is snr / (1 + snr) = 1 / (1 + noise_var). The latent is brought back to
    its own level and scaled by the Wiener gain of the power around each value. The SNR is the mean
    of those of the symbols that arrived, within the range trained.

    Args:
        symbols: float32 [N, 96, h, w].
        noise_var: float32 [N, 48, h, w], infinite where nothing arrived.
        level: of what was sent, float32 [N], see `transmit`.
        trained_db: lowest and highest SNR, dB.
    """
    reliability = 1 / (1 + noise_var)
    arrived = torch.isfinite(noise_var).sum((1, 2, 3))
    mean = (1 / noise_var).sum((1, 2, 3)) / arrived.clamp(min=1)
    snr_db = 10 * torch.log10(mean.clamp(min=1e-20))
    trust = reliability.repeat_interleave(2, 1)
    noise = 1 - trust  # noise_var times the reliability
    power = _mean(2 * (symbols * trust).square() - noise * trust).clamp(min=0)
    signal = power * trust
    wiener = signal / (signal + _mean(trust.square()) * noise).clamp(min=_LEAST)
    return Received(symbols * wiener * _wide(level), reliability, snr_db.clamp(*trained_db))


def _mean(values: Tensor) -> Tensor:
    """Over a window around each value, with zeros beyond the border; [N, c, h, w]."""
    return F.avg_pool2d(values, WINDOW, stride=1, padding=WINDOW // 2)


def _mask(channels: Tensor, latent: Tensor) -> Tensor:
    """1 for latent channels that are sent, 0 beyond, float32 [N, 96, 1, 1]."""
    every = torch.arange(latent.shape[1], device=latent.device)
    return (every < channels[:, None]).float()[:, :, None, None]


def _wide(values: Tensor) -> Tensor:
    """[N] -> [N, 1, 1, 1]"""
    return values[:, None, None, None]
