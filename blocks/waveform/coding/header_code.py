# SPDX-License-Identifier: GPL-3.0-or-later
"""The header's error-correcting code: a systematic repeat-accumulate code of rate 1/3.

Every information bit takes part in four checks, every check joins two information bits and
two neighbouring parity bits (an accumulator), so that encoder and decoder are plain array
arithmetic. The codeword is then repeated to fill the header's OFDM symbols, or shortened by parity
bits that are left out at equal distances.

Source: H. Jin, A. Khandekar, R. McEliece, "Irregular repeat-accumulate codes", ISTC 2000.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from percast.blocks.waveform import kernels
from percast.blocks.waveform.coding.hashing import permutation, signs

DEGREE = 4  # checks an information bit takes part in
PER_CHECK = 2  # information bits a check joins
MAX_ITERATIONS = 30
_SEED = 0x70657263


@lru_cache(maxsize=4)
def _check_table(info_bits: int) -> np.ndarray:
    """Which information bits each check joins, int [checks, PER_CHECK]."""
    sockets = np.tile(np.arange(info_bits), DEGREE)
    return sockets[permutation(_SEED, len(sockets))].reshape(-1, PER_CHECK)


def code_length(info_bits: int) -> int:
    """Bits of the codeword for so many information bits."""
    return info_bits + info_bits * DEGREE // PER_CHECK


def encode(bits: np.ndarray, length: int) -> np.ndarray:
    """uint8 [k] -> +-1 (0 -> +1, 1 -> -1), scrambled, float32 [length].

    The codeword is repeated cyclically in a shuffled order, so that copies of a bit fall on
    distant carriers.

    Args:
        bits: information bits.
        length: symbols to fill.
    """
    table = _check_table(len(bits))
    if (fast := kernels.ready()) is not None:
        placed = _placement(len(bits), len(bits) + len(table), length)
        return fast.first_pass.encoded(bits, table, placed, signs(_SEED, length))
    parity = np.bitwise_xor.accumulate(np.bitwise_xor.reduce(bits[table], axis=1))
    word = 1 - 2 * np.concatenate([bits, parity]).astype(np.float32)
    return word[_placement(len(bits), len(word), length)] * signs(_SEED, length)


@lru_cache(maxsize=8)
def _placement(info_bits: int, word: int, length: int) -> np.ndarray:
    """Which bit of the codeword each sent symbol holds, int [length]."""
    if length < word:
        left_out = info_bits + np.arange(word - length) * (word - info_bits) // (word - length)
        sent = np.setdiff1d(np.arange(word), left_out)
        return sent[permutation(_SEED, length)]
    rounds = [permutation(_SEED + r, word) for r in range(-(-length // word))]
    return np.concatenate(rounds)[:length]


def decode(
    llr: np.ndarray, info_bits: int, accept: Callable[[np.ndarray], bool]
) -> np.ndarray | None:
    """Sum-product decoding, stopped as soon as `accept` takes the bits.

    Args:
        llr: log-likelihood ratios ln P(+1)/P(-1) of the sent symbols, float [length].
        info_bits: k.
        accept: takes uint8 [k], true when they are right (a CRC). It sees the plain decisions
            first, so that a header in little noise costs no iteration.

    Returns:
        uint8 [k], or None when nothing was accepted after `MAX_ITERATIONS`.
    """
    word = code_length(info_bits)
    placed = _placement(info_bits, word, len(llr))
    scrambled, edges = signs(_SEED, len(llr)), _edges(info_bits)
    if (fast := kernels.ready()) is not None:
        prior = fast.first_pass.collected(llr.astype(np.float32), placed, scrambled, word)
        iterated = fast.first_pass.iterated
    else:
        prior = np.bincount(placed, llr * scrambled, minlength=word)
        iterated = _iterated
    total, to_bit = prior, np.zeros(edges.shape)
    for iteration in range(1 + MAX_ITERATIONS):
        if iteration:
            total = iterated(prior, edges, to_bit)
        bits = (total[:info_bits] < 0).astype(np.uint8)
        if accept(bits):
            return bits
    return None


@lru_cache(maxsize=4)
def _edges(info_bits: int) -> np.ndarray:
    """Places in the codeword that each check joins: its information bits, its parity bit, the one
    before; -1 for none before the first. Int [checks, PER_CHECK + 2]."""
    table = _check_table(info_bits)
    accumulator = info_bits + np.arange(len(table))
    before = accumulator - 1
    before[0] = -1
    return np.column_stack([table, accumulator, before])


def _iterated(prior: np.ndarray, edges: np.ndarray, to_bit: np.ndarray) -> np.ndarray:
    """One iteration.

    Args:
        prior: float [word], log-likelihood ratios of the codeword's bits.
        edges: see `_edges`.
        to_bit: float [checks, degree], what the checks have told the bits; renewed here.

    Returns:
        float [word], log-likelihood ratios with what the checks tell now.
    """
    none, word = edges < 0, len(prior)
    to_check = np.clip((_told(edges, to_bit, word) + prior)[edges] - to_bit, -25, 25)
    t = np.tanh(to_check / 2)
    t[none] = 1  # neutral
    t = np.where(np.abs(t) < 1e-9, 1e-9, t)
    others = np.clip(t.prod(1, keepdims=True) / t, -1 + 1e-12, 1 - 1e-12)
    to_bit[:] = np.where(none, 0, 2 * np.arctanh(others))
    return prior + _told(edges, to_bit, word)


def _told(edges: np.ndarray, to_bit: np.ndarray, word: int) -> np.ndarray:
    """Sum of what is told to each bit, float [word]; what is told to none is 0."""
    return np.bincount(np.maximum(edges, 0).ravel(), to_bit.ravel(), minlength=word)
