# SPDX-License-Identifier: GPL-3.0-or-later
"""The second pass over a packet: its header is known, and all that is known serves as pilots."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from percast.blocks.waveform import bursts, kernels
from percast.blocks.waveform.drift import channel_change, polynomials
from percast.blocks.waveform.estimate import (
    energy,
    estimate_channel,
    projection_factors,
    residual_variance,
)
from percast.blocks.waveform.preamble import pilot_values, training_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.track import look_grids, offsets, smooth_gains

_LEAST_NOISE = 1e-9  # of the signal's power: keeps a noiseless signal finite


@dataclass(frozen=True)
class Seen:
    """What the second pass makes of a packet: as in `Packet`; rotation and drift in rad per symbol
    (and carrier)."""

    symbols: np.ndarray
    noise_var: np.ndarray
    channel: np.ndarray
    noise: float
    evm_squared: float
    rate: float
    drift: float


def second_pass(
    p: Profile, known_head: np.ndarray, rows: np.ndarray, count: int, reference: int | None
) -> Seen:
    """What training, header and pilots tell of a packet, and its symbols with that.

    Args:
        known_head: complex64 [training + header_symbols, n_occupied], 1/X of training and header.
        rows: complex64 [training + header_symbols + body_symbols, n_occupied], all of one
            amplitude: so there is less noise on training and header where these are boosted.
        count: symbols of the payload that are used.
        reference: which symbol of the body is the reference symbol; None for none.
    """
    run = _in_numpy if kernels.ready() is None else _compiled
    return run(p, known_head, rows, count, reference)


def training_response(p: Profile, training: np.ndarray) -> np.ndarray:
    """Y X* of the training symbols that are not blanked, complex64 [1 or 2, n_occupied]."""
    return training[training.any(1)] * training_carriers(p).conj()


@lru_cache(maxsize=32)
def known_training(p: Profile) -> np.ndarray:
    """X* of the training symbols, complex64 [training, n_occupied]."""
    return np.stack([training_carriers(p).conj()] * p.training_symbols)


def noise_variance(error: np.ndarray, channel: np.ndarray, parameters: float) -> float:
    """`residual_variance`, but never nothing."""
    floor = _LEAST_NOISE * energy(channel) / len(channel)
    return max(residual_variance(error, parameters), floor, 1e-35)


@dataclass(frozen=True)
class _Head:
    """What training and header, both known, tell of the packet.

    Args:
        channel: complex64 [n_occupied], frequency response at the middle of the header.
        noise: variance per carrier in the payload.
        error: complex64 [symbols, n_occupied], what the channel leaves unexplained, as large as it
            would be in the payload.
        doubt: variance of the noise in the channel itself, per carrier.
    """

    channel: np.ndarray
    noise: float
    error: np.ndarray
    doubt: float


def _in_numpy(
    p: Profile, known_head: np.ndarray, rows: np.ndarray, count: int, reference: int | None
) -> Seen:
    """The definition."""
    training = p.training_symbols
    rough, _ = estimate_channel(p, training_response(p, rows[:training]))
    heads = len(known_head)
    response = rows[:heads] * known_head
    known = pilot_values(p)[: len(rows) - training]
    pilots = rows[training:].take(p.pilot_index, axis=1) * known

    time = _symbol_times(p)[: len(rows)]
    since_training = time[training:] - time[:training].mean()
    rate, drift = offsets(p, response[training:], pilots, rough, since_training)
    right = phasors(np.outer(time, -(rate + drift * p.occupied).astype(np.float32)))

    head = _head_estimate(p, response * right[:heads], rough)
    payload = rows[heads:] * right[heads:]
    pilots = payload.take(p.pilot_index, axis=1) * known[p.header_symbols :]
    base = head.channel
    if reference is not None:
        base = _moving_channel(p, head, payload[reference], pilots, time[heads:], reference)
        payload, pilots = (np.delete(x, reference, axis=0) for x in (payload, pilots))
        base = np.delete(base, reference, axis=0)
    channel, unsure, pilot_error = _payload_response(p, head, base, pilots)
    # Latents have power 1: noise in the channel estimate is as much noise of theirs.
    noise, of_all = bursts.payload_noise(pilot_error, head.noise)
    received = payload.take(p.data_index, axis=1)
    symbols, noise_var = _equalised(received, channel, (noise + head.doubt)[:, None] + unsure)
    error = energy(head.error) + energy(pilot_error)
    return Seen(
        symbols=symbols.ravel()[:count],
        noise_var=noise_var.ravel()[:count],
        channel=head.channel,
        noise=of_all,
        evm_squared=_evm_squared(p, head.channel, len(head.error), len(payload), error),
        rate=rate,
        drift=drift,
    )


def _compiled(
    p: Profile, known_head: np.ndarray, rows: np.ndarray, count: int, reference: int | None
) -> Seen:
    """The same by compiled kernels."""
    fast = kernels.ready().second_pass
    training, behind = p.training_symbols, len(rows) - p.training_symbols
    symbols = len(rows) - len(known_head) - (reference is not None)
    (
        rate, drift, channel, noise, head_error, heads, doubt,
        payload, change, share, gain, left,
    ) = fast.follow(
        rows, known_head, pilot_values(p)[:behind], _symbol_times(p)[: len(rows)],
        p.occupied, p.pilot_index, *look_grids(behind), *projection_factors(p),
        training, -1 if reference is None else reference, p.head_amplitude**2,
    )  # fmt: skip
    basis = polynomials(_first_after(p), symbols)
    middle = channel + np.float32(share.mean()) * change if len(share) else channel
    shapes, unsure = channel_change(p, middle, left, noise, _first_after(p))
    equalised, noise_var, pilot_error, noise = fast.equalise(
        payload, channel, change, share, gain, shapes, unsure, left, basis, noise, doubt,
        p.pilot_index, p.data_index, count,
    )  # fmt: skip
    evm = _evm_squared(p, channel, heads, symbols, head_error + pilot_error)
    return Seen(equalised, noise_var, channel, noise, evm, rate, drift)


@lru_cache(maxsize=32)
def _symbol_times(p: Profile) -> np.ndarray:
    """When training, header and payload symbols come, in OFDM symbols since the first of the
    header, float32 [training, header and body]. The training symbols have no prefix between
    them."""
    rows = np.arange(p.header_symbols + p.body_symbols(p.max_payload_symbols))
    training = -1 - np.arange(p.training_symbols)[::-1] * p.fft_size / p.symbol_len
    return np.concatenate([training, rows]).astype(np.float32)


def _first_after(p: Profile) -> int:
    """Symbols between the head's estimate of the channel and the first of the payload."""
    return max(2, p.header_symbols // 2)


def _head_estimate(p: Profile, response: np.ndarray, rough: np.ndarray) -> _Head:
    """The channel from all of training and header but what bursts have hit.

    Args:
        response: complex64 [training + header_symbols, n_occupied], Y X*; carrier and clock are
            right.
        rough: complex64 [n_occupied], the channel as the training symbols have it; each symbol's
            phase against it is taken out first.
    """
    gain = response @ rough.conj()
    response = response * (gain.conj() / np.maximum(np.abs(gain), np.float32(1e-36)))[:, None]
    channel, fitted = estimate_channel(p, response)
    error = response - channel
    calm = bursts.calm_head(error)
    if not calm.all():
        response = response[calm]
        channel, fitted = estimate_channel(p, response)
        error = response - channel
    noise = noise_variance(error, channel, fitted + len(error) - 1)
    doubt, amplitude = noise * fitted / error.size, np.float32(p.head_amplitude)
    return _Head(channel, noise * p.head_amplitude**2, error * amplitude, doubt)


def _moving_channel(
    p: Profile,
    head: _Head,
    received: np.ndarray,
    pilots: np.ndarray,
    time: np.ndarray,
    reference: int,
) -> np.ndarray:
    """The channel of every symbol of the body, on the line from its estimate in the head to that
    in the reference symbol; as far along it as noise does not explain the difference (W. James,
    C. Stein, "Estimation with quadratic loss", 1961).

    Args:
        received: complex64 [n_occupied], the reference symbol.
        pilots: complex64 [symbols, n_pilots], Y X* of the body.
        time: float [symbols], since the first symbol of the header.
        reference: which symbol of the body it is.

    Returns:
        complex64 [symbols, n_occupied].
    """
    response = received * training_carriers(p).conj()
    response[p.pilot_index] = pilots[reference]
    then, fitted = estimate_channel(p, response[None])
    # Its own phase against the head's is the pilots' matter.
    gain = complex(np.vdot(head.channel, then))
    change = then * np.complex64(gain.conjugate() / max(abs(gain), 1e-36)) - head.channel
    noise = head.noise * fitted + head.doubt * len(change)
    kept = max(0.0, 1 - noise / max(energy(change), 1e-36))
    middle = _symbol_times(p)[: len(head.error)].mean()
    share = (time - middle) / (time[reference] - middle)
    return head.channel + np.outer(share * np.float32(kept), change)


def _payload_response(
    p: Profile, head: _Head, base: np.ndarray, pilots: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The channel at every payload symbol, g_s B + dH_s: a common gain that moves about 1, and the
    change of the channel's shape.

    Args:
        base: complex64 [n_occupied] or [symbols, n_occupied], the channel as it is known.
        pilots: complex64 [symbols, n_pilots], Y X* at the pilots of the payload.

    Returns:
        complex64 [symbols, data_carriers]; float32 [symbols, data_carriers], the variance of what
        the change of its shape may be wrong by; complex64 [symbols, n_pilots], what it leaves of
        the pilots unexplained.
    """
    at_pilots = base[..., p.pilot_index]
    power = np.maximum(np.sum(at_pilots.real**2 + at_pilots.imag**2, axis=-1), np.float32(1e-36))
    gain = np.sum(pilots * at_pilots.conj(), axis=1) / power
    gain[~pilots.any(1)] = 1  # a blanked symbol tells nothing
    gain = smooth_gains(gain, head.noise / float(np.mean(power)))[:, None]
    response, error = gain * base[..., p.data_index], pilots - gain * at_pilots
    first = _first_after(p)
    middle = base if base.ndim == 1 else base.mean(0)
    shapes, unsure = channel_change(p, middle, error, head.noise, first)
    basis = polynomials(first, len(pilots))[:, : len(shapes)]
    if len(shapes):
        change = basis @ shapes
        response += change.take(p.data_index, axis=1)
        error -= change.take(p.pilot_index, axis=1)
    return response, basis**2 @ unsure.take(p.data_index, axis=1), error


def _equalised(
    received: np.ndarray, response: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Y/H and sigma^2/|H|^2.

    Args:
        received, response: complex64 [symbols, carriers].
        noise: float [symbols, carriers].

    Returns:
        complex64 and float32 [symbols, carriers].
    """
    weight = response.real**2 + response.imag**2
    np.maximum(weight, np.float32(1e-36), out=weight)
    np.reciprocal(weight, out=weight)
    symbols = received * response.conj()
    symbols *= weight
    weight *= noise.astype(np.float32)
    return symbols, weight


def _evm_squared(p: Profile, channel: np.ndarray, heads: int, payload: int, error: float) -> float:
    """Error power over signal power, both after the channel, over so many symbols of training and
    header, and the pilots of so many of the payload."""
    return error / (heads * energy(channel) + payload * energy(channel[p.pilot_index]))
