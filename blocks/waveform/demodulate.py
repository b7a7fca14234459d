# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet's carriers to its header, and then to equalised symbols with their noise."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from percast.blocks.waveform.coding import header_code
from percast.blocks.waveform.drift import channel_change
from percast.blocks.waveform.estimate import estimate_channel, residual_variance
from percast.blocks.waveform.header import HEADER_BYTES, Header
from percast.blocks.waveform.preamble import pilot_values, training_carriers
from percast.blocks.waveform.profile import Profile
from percast.blocks.waveform.rotate import phasors
from percast.blocks.waveform.track import clock_drift, rotation_rate, smooth_gains
from percast.blocks.waveform.transmit import header_carriers, packet_span, packets_needed

# Error power at a symbol's pilots, over that of its neighbours, that only a burst explains: noise
# alone exceeds it at the eight pilots of one symbol in 20,000.
_BURST, _BURST_WINDOW = 3.0, 15
_LOUD, _LOUD_WINDOW = 10.0, 31  # likewise of the power over that of the neighbours
# The same over all carriers of header and training, where channels that move between its middle
# and its ends reach 4.
_HEAD_BURST = 10.0
_LEAST_NOISE = 1e-9  # of the signal's power: keeps a noiseless signal finite


@dataclass(frozen=True)
class Packet:
    """What the receiver makes of one packet.

    Args:
        header: decoded, its CRC right.
        symbols: complex64 [n], equalised (Y/H), in the order on the air.
        noise_var: float32 [n], variance of the noise on each, sigma^2/|H|^2.
        channel: complex64 [n_occupied], estimated frequency response.
        noise: noise variance per carrier before equalisation, sigma^2.
        evm_squared: squared error vector magnitude over pilots and the re-encoded header.
        freq_offset: carrier offset in Hz.
        clock_ppm: sample-clock offset in parts per million.
        start: stream position of the first training symbol after its guard, samples.
    """

    header: Header
    symbols: np.ndarray
    noise_var: np.ndarray
    channel: np.ndarray
    noise: float
    evm_squared: float
    freq_offset: float
    clock_ppm: float
    start: int

    @property
    def signal(self) -> float:
        """Mean power gain of the channel over the occupied carriers, |H|^2."""
        return float(np.mean(np.abs(self.channel) ** 2))


def read_header(profile: Profile, training: np.ndarray, rows: np.ndarray) -> Header | None:
    """First pass: the header, from the training symbols' channel estimate.

    Args:
        training: complex64 [2, n_occupied], the training symbols.
        rows: complex64 [header_symbols, n_occupied].

    Returns:
        None when its CRC is wrong, or it does not fit the profile.
    """
    p = profile
    training, rows = _blanked(training, rows)
    training = training[training.any(1)]
    known = np.broadcast_to(training_carriers(p), training.shape)
    channel = estimate_channel(p, training, known)
    noise = _noise(training, channel * known, p.cp_len)
    matched = rows * channel.conj()
    pilots = (matched[:, p.pilot_index] * pilot_values(p)[: p.header_symbols]).sum(1)
    # The training symbols come before the header and have phase 0 by definition.
    anchor = len(p.pilot_index) * np.mean(np.abs(channel) ** 2)
    rate = rotation_rate(np.concatenate([[anchor, anchor], pilots]))
    turn = phasors(-rate * np.arange(2, 2 + p.header_symbols))
    at_pilots = channel[p.pilot_index] * pilot_values(p)[: p.header_symbols]
    pilot_power = (np.abs(rows[:, p.pilot_index] * turn[:, None] - at_pilots) ** 2).mean(1)
    row_noise = np.where(_hit(pilot_power, noise), pilot_power, noise)[:, None]
    llr = 4 * ((matched[:, p.data_index] * turn[:, None]).real / row_noise).ravel()

    found: list[Header] = []

    def accept(bits: np.ndarray) -> bool:
        header = Header.unpack(np.packbits(bits).tobytes())
        if header is not None and header.packets == packets_needed(p, header.symbols):
            found.append(header)
        return bool(found)

    header_code.decode(llr, 8 * HEADER_BYTES, accept)
    return found[0] if found else None


def demodulate(
    profile: Profile,
    header: Header,
    training: np.ndarray,
    rows: np.ndarray,
    freq_offset: float,
    start: int,
) -> Packet:
    """Second pass over a packet whose header is known: everything known serves as pilots.

    The re-encoded header makes twelve more training symbols, so the channel estimate costs
    0.05 dB in place of the 0.35 dB of the two alone.

    Args:
        training: complex64 [2, n_occupied], the training symbols.
        rows: complex64 [header_symbols + payload_symbols, n_occupied].
        freq_offset: already removed from both, cycles per sample.
        start: stream position, for `Packet.start`.
    """
    p = profile
    heads = p.header_symbols
    pilots = pilot_values(p)[: len(rows)]
    known = np.empty((heads, len(p.occupied)), np.complex64)
    known[:, p.data_index] = header_carriers(p, header)
    known[:, p.pilot_index] = pilots[:heads]
    reference = np.broadcast_to(training_carriers(p), training.shape)

    training, rows = _blanked(training, rows)
    received = np.concatenate([training, rows])
    # Time in OFDM symbols; the training symbols have no prefix between them.
    time = np.concatenate(
        [
            [-1 - p.fft_size / p.symbol_len, -1.0],
            np.arange(len(rows)),
        ]
    )
    there = training.any(1)
    channel = estimate_channel(p, training[there], reference[there])

    # Common phase: all carriers of training and header, the pilots of the payload.
    matched = received * channel.conj()
    all_known = np.concatenate([reference, known])
    gains = np.concatenate(
        [
            (matched[: 2 + heads] * all_known.conj()).mean(1),
            (matched[2 + heads :, p.pilot_index] * pilots[heads:]).mean(1),
        ]
    )
    rate = rotation_rate(gains[2:])
    turn = phasors(-rate * time)
    received = received * turn[:, None]

    # Sample clock: slope over the carriers that grows with time.
    row_gain = np.convolve(gains[2:] * turn[2:], np.ones(9), "same")
    row_phase = row_gain.conj() / np.maximum(np.abs(row_gain), 1e-30)
    at_pilots = channel[p.pilot_index]
    power = np.abs(at_pilots) ** 2
    products = received[2:, p.pilot_index] * pilots * at_pilots.conj() * row_phase[:, None]
    carrier = p.occupied - np.average(p.occupied[p.pilot_index], weights=power)
    drift = clock_drift(products, power, carrier[p.pilot_index], time[2:] - time[:2].mean())
    received *= phasors(-drift * np.outer(time, carrier))

    # The header's own phase is taken out before it joins the estimate.
    head_gain = (received[: 2 + heads] * channel.conj() * all_known.conj()).sum(1)
    head_gain = (head_gain / np.sum(np.abs(channel) ** 2)).astype(np.complex64)
    turned = received[: 2 + heads] * phasors(-np.angle(head_gain))[:, None]
    channel = estimate_channel(p, turned, all_known)
    power = (np.abs(turned - channel * all_known) ** 2).mean(1)
    calm = power <= _HEAD_BURST * np.median(power)
    if not calm.all():
        turned, all_known = turned[calm], all_known[calm]
        channel = estimate_channel(p, turned, all_known)
    expected = channel * all_known
    noise = _noise(turned, expected, p.cp_len + len(turned) - 2)

    payload = received[2 + heads :]
    at_pilots = channel[p.pilot_index]
    power = np.sum(np.abs(at_pilots) ** 2)
    pilot_gain = (payload[:, p.pilot_index] * pilots[heads:] * at_pilots.conj()).sum(1) / power
    pilot_gain[~payload.any(1)] = 1  # a blanked symbol tells nothing
    gain = smooth_gains(pilot_gain, noise / power)
    response = gain[:, None] * channel
    pilot_error = payload[:, p.pilot_index] * pilots[heads:] - response[:, p.pilot_index]
    change = channel_change(p, channel, pilot_error, noise, heads // 2)
    if change is not None:
        response += change
        pilot_error -= change[:, p.pilot_index]

    lo, hi = packet_span(p, header.symbols, header.packets, header.packet)
    response = response[:, p.data_index]
    weight = 1 / np.maximum(response.real**2 + response.imag**2, np.float32(1e-36))
    symbols = payload[:, p.data_index] * response.conj() * weight
    variance = _payload_noise(pilot_error, noise).astype(np.float32)[:, None] * weight
    return Packet(
        header=header,
        symbols=symbols.ravel()[: hi - lo],
        noise_var=variance.ravel()[: hi - lo],
        channel=channel,
        noise=noise,
        evm_squared=_evm_squared(turned - expected, pilot_error, channel, p),
        freq_offset=(freq_offset + (rate / (2 * np.pi)) / p.symbol_len) * p.samp_rate,
        clock_ppm=drift * p.fft_size / (2 * np.pi * p.symbol_len) * 1e6,
        start=start,
    )


def _blanked(training: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symbols that are all burst are put to zero, so that they lead nothing astray; unless these
    were both training symbols."""
    power = np.concatenate([np.mean(np.abs(x) ** 2, axis=1) for x in (training, rows)])
    if power.max() <= _LOUD * power.min():
        return training, rows
    # Of its neighbours: over the whole packet the channel may rise out of a fade.
    usual = median_filter(power, _LOUD_WINDOW, mode="constant", cval=np.median(power))
    loud = power > _LOUD * usual
    if not loud.any() or loud[: len(training)].all():
        return training, rows
    calm = ~loud[:, None]
    return training * calm[: len(training)], rows * calm[len(training) :]


def _noise(received: np.ndarray, expected: np.ndarray, parameters: float) -> float:
    floor = _LEAST_NOISE * float(np.mean(np.abs(expected) ** 2))
    return max(residual_variance(received, expected, parameters), floor, 1e-35)


def _hit(power: np.ndarray, noise: float) -> np.ndarray:
    """Which symbols a burst of noise has hit, bool [symbols].

    Args:
        power: of the error at the pilots of each symbol.
        noise: variance that it should have.
    """
    over = power > _BURST * noise
    if over.any():
        over &= power > _BURST * median_filter(power, _BURST_WINDOW, mode="mirror")
    return over


def _payload_noise(pilot_error: np.ndarray, noise: float, window: int = 16) -> np.ndarray:
    """Noise variance of every payload symbol, float [symbols].

    The header's noise, unless the pilots show clearly more: the channel has moved since, or
    somebody interfered. Bursts hit single symbols; all else is averaged over `window` of them.
    """
    power = (np.abs(pilot_error) ** 2).mean(1)
    hit = _hit(power, noise)
    weights = np.ones(min(window, len(power)))
    count = np.convolve(~hit, weights, "same")
    local = np.convolve(np.where(hit, 0, power), weights, "same") / np.maximum(count, 1)
    return np.where(hit, power, np.where(local > 1.4 * noise, local, noise))


def _evm_squared(
    head_error: np.ndarray, pilot_error: np.ndarray, channel: np.ndarray, p: Profile
) -> float:
    """Error power over signal power, both after the channel."""
    error = (np.abs(head_error) ** 2).sum() + (np.abs(pilot_error) ** 2).sum()
    signal = len(head_error) * (np.abs(channel) ** 2).sum()
    signal += len(pilot_error) * (np.abs(channel[p.pilot_index]) ** 2).sum()
    return float(error / signal)
