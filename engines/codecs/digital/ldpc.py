# SPDX-License-Identifier: GPL-3.0-or-later
"""5G's LDPC code (3GPP TS 38.212, section 5.3.2): encoder, and belief propagation.

Arrays hold the blocks of a transport block side by side: [bits, blocks], so that numpy works on all
of them, and on all Z checks of a row of the base graph, at once.
"""

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.digital.base_graph import CORE_ROWS, LiftedGraph, Row

Bits = npt.NDArray[np.uint8]
Llrs = npt.NDArray[np.float32]

ITERATIONS = 25
"""Of belief propagation, layer by layer, which needs about half as many as all at once."""

CERTAIN = np.float32(1e4)
"""Log-likelihood ratio of a bit that is known to be 0."""

_LEAST = np.float32(5e-7)  # ln tanh of it is -14.5: no message is stronger
_SIGN = np.uint32(1 << 31)  # the sign bit of a float32


def encode(graph: LiftedGraph, information: Bits) -> Bits:
    """The codewords of blocks.

    Args:
        graph: of the code.
        information: uint8 [graph.systematic, blocks] of 0 and 1, fillers being 0.

    Returns:
        uint8 [graph.bits, blocks]; the first 2 Z are never sent.
    """
    z, known = graph.lifting, graph.systematic
    code = np.zeros((graph.bits, information.shape[1]), np.uint8)
    code[:known] = information
    # In the sum of the core's rows all parity bits cancel but the first, turned once.
    core = graph.rows[:CORE_ROWS]
    first = np.bitwise_xor.reduce([_sum(code, row) for row in core])
    code[known : known + z] = np.roll(first, graph.first_shift, axis=0)
    for i, row in enumerate(core[:-1]):  # each of them adds the next parity bit, not turned
        at = known + (i + 1) * z
        code[at : at + z] = _sum(code, row)
    for row in graph.rows[CORE_ROWS:]:
        code[row.bits[-1]] = _sum(code, row)
    return code


def _sum(code: Bits, row: Row) -> Bits:
    """Of the bits of each check, uint8 [Z, blocks]."""
    return np.bitwise_xor.reduce(code.take(row.bits, axis=0), axis=0)


def decode(
    graph: LiftedGraph, llr: Llrs, iterations: int = ITERATIONS
) -> tuple[Bits, npt.NDArray[np.bool_]]:
    """Blocks from what is known of their bits, by the sum-product algorithm.

    Layer by layer (Hocevar, "A reduced complexity decoder architecture via layered decoding of
    LDPC codes", IEEE SiPS 2004): each row of the base graph sees what the rows before it found in
    the same iteration. Rows whose own parity bit was not sent say nothing and are left out.

    Args:
        graph: of the code.
        llr: ln P(0) / P(1) of every code bit, float32 [graph.bits, blocks]; 0 where nothing is
            known, `CERTAIN` for fillers.
        iterations: at most; a block that fulfils all checks needs no more.

    Returns:
        The information bits, uint8 [graph.systematic, blocks]; and which blocks fulfil all checks,
        bool [blocks]. The bits of the others are worth nothing.
    """
    rows = _useful_rows(graph, llr)
    decided = np.zeros((graph.systematic, llr.shape[1]), np.uint8)
    fulfilled = np.zeros(llr.shape[1], bool)
    belief = llr.copy()
    messages = [np.zeros((*row.bits.shape, llr.shape[1]), np.float32) for row in rows]
    left = np.arange(llr.shape[1])
    for _ in range(iterations):
        for row, message in zip(rows, messages, strict=True):
            incoming = belief.take(row.bits, axis=0)
            incoming -= message
            message[...] = _check(incoming)
            incoming += message
            belief[row.bits] = incoming
        done = _checks_hold(graph, belief, rows)
        if done.any():
            fulfilled[left[done]] = True
            decided[:, left[done]] = belief[: graph.systematic, done] < 0
            left, belief = left[~done], belief[:, ~done]
            messages = [message[..., ~done] for message in messages]
        if not len(left):
            break
    return decided, fulfilled


def _useful_rows(graph: LiftedGraph, llr: Llrs) -> tuple[Row, ...]:
    """The core, and the rows with a parity bit of which something is known."""
    return tuple(
        row for i, row in enumerate(graph.rows) if i < CORE_ROWS or np.any(llr[row.bits[-1]])
    )


def _check(incoming: Llrs) -> Llrs:
    """What a check tells each of its bits from the others, float32 [degree, ...].

    2 atanh(prod tanh(x / 2)) over the others, in logarithms: their ln tanh(|x| / 2) add up, and the
    product of their signs is the parity of their sign bits.
    """
    signs = incoming.view(np.uint32) & _SIGN
    signs ^= np.bitwise_xor.reduce(signs, axis=0)
    doubt = _log_tanh_half(np.abs(incoming))
    np.subtract(doubt.sum(0), doubt, out=doubt)
    message = _log_tanh_half(np.negative(doubt, out=doubt))
    # -ln tanh(x / 2) is its own inverse. What came out here is not negated yet: a bit that is
    # likely 0 has the sign bit set.
    bits = message.view(np.uint32)
    bits ^= signs
    bits ^= _SIGN
    return message


def _log_tanh_half(x: Llrs) -> Llrs:
    """ln tanh(x / 2) for x >= 0, in place; finite at 0, too."""
    x *= np.float32(0.5)
    x += _LEAST  # np.maximum takes four times as long
    np.tanh(x, out=x)
    return np.log(x, out=x)


def _checks_hold(graph: LiftedGraph, belief: Llrs, rows: tuple[Row, ...]) -> npt.NDArray[np.bool_]:
    """Whether all information is decided and every check fulfilled, bool [blocks].

    Where nothing is known of a bit it would count as a 0, and all zeros fulfil every check.
    """
    holds = np.all(belief[: graph.systematic] != 0, axis=0)
    bits = belief < 0
    for row in rows:
        if not holds.any():
            break
        holds &= ~np.bitwise_xor.reduce(bits.take(row.bits, axis=0), axis=0).any(0)
    return holds
