# SPDX-License-Identifier: GPL-3.0-or-later
"""A transport block on a shared channel of 5G: bytes as coded bits, and back.

3GPP TS 38.212, section 7.2: a cyclic redundancy check on the whole, segmentation into code blocks
with a check on each, LDPC code, rate matching (redundancy version 0, one layer, no limit to the
buffer) and interleaving within the bits of a symbol. Sizes are those of TS 38.214, section
5.1.3.2, so that a receiver knows them from the number of symbols and the scheme.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log2

import numpy as np
import numpy.typing as npt

from percast.engines.codecs.digital import ldpc
from percast.engines.codecs.digital.base_graph import (
    LIFTING_SIZES,
    SYSTEMATIC,
    LiftedGraph,
    lifted_graph,
)
from percast.engines.codecs.digital.crc import CRC16, CRC24A, CRC24B, Crc
from percast.engines.codecs.digital.ldpc import Bits, Llrs
from percast.engines.codecs.digital.schemes import Scheme

_MOST_INFORMATION = {1: 8448, 2: 3840}  # bits of a code block
_SHORT = 3824  # bits of a transport block up to which sizes are listed
# TS 38.214, table 5.1.3.2-1
_SHORT_SIZES = (
    *range(24, 193, 8), *range(208, 385, 16), *range(408, 553, 24), *range(576, 769, 32),
    808, 848, 888, 928, 984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416,
    1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472,
    2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824,
)  # fmt: skip


def transport_block_size(symbols: int, scheme: Scheme) -> int:
    """Bits of information in so many symbols, a multiple of 8."""
    information = symbols * scheme.information
    if information <= _SHORT:
        step = 1 << max(3, floor(log2(max(information, 1))) - 6)
        rounded = max(24, step * int(information // step))
        return _SHORT_SIZES[bisect_left(_SHORT_SIZES, rounded)]
    step = 1 << floor(log2(information - 24)) - 5
    rounded = max(3840, step * floor((information - 24) / step + 0.5))
    blocks = 1
    if scheme.rate <= 1 / 4:
        blocks = ceil((rounded + 24) / 3816)
    elif rounded > 8424:
        blocks = ceil((rounded + 24) / 8424)
    return 8 * blocks * ceil((rounded + 24) / (8 * blocks)) - 24


@dataclass(frozen=True)
class Transport:
    """How a transport block fills so many symbols of a scheme.

    Args:
        symbols: of the whole block.
        scheme: of modulation and coding.
    """

    symbols: int
    scheme: Scheme

    @cached_property
    def size(self) -> int:
        """Bytes of data."""
        return transport_block_size(self.symbols, self.scheme) // 8

    @cached_property
    def crc(self) -> Crc:
        """On the whole."""
        return CRC24A if 8 * self.size > _SHORT else CRC16

    @cached_property
    def number(self) -> int:
        """Of the base graph (TS 38.212, section 7.2.2)."""
        bits, rate = 8 * self.size, self.scheme.rate
        return 2 if bits <= 292 or (bits <= _SHORT and rate <= 0.67) or rate <= 0.25 else 1

    @cached_property
    def blocks(self) -> int:
        """Code blocks."""
        bits, most = 8 * self.size + self.crc.bits, _MOST_INFORMATION[self.number]
        return 1 if bits <= most else ceil(bits / (most - CRC24B.bits))

    @cached_property
    def block_bits(self) -> int:
        """Of information in each code block, checks included; sizes divide without rest."""
        checks = CRC24B.bits if self.blocks > 1 else 0
        return (8 * self.size + self.crc.bits) // self.blocks + checks

    @cached_property
    def graph(self) -> LiftedGraph:
        """Of the code (TS 38.212, section 5.2.2)."""
        columns = SYSTEMATIC[self.number]
        if self.number == 2:
            bits = 8 * self.size + self.crc.bits
            columns = 10 if bits > 640 else 9 if bits > 560 else 8 if bits > 192 else 6
        every = sorted(size for sizes in LIFTING_SIZES for size in sizes)
        return lifted_graph(self.number, next(z for z in every if columns * z >= self.block_bits))

    @cached_property
    def sent(self) -> tuple[npt.NDArray[np.int64], ...]:
        """For each code block which of its code bits are sent, in the order on the air.

        TS 38.212, sections 5.4.2 and 5.5: from the first bit that is not punctured, without the
        fillers, round and round; written row by row, one row for each bit of a symbol, and read
        by columns.
        """
        graph, per_symbol = self.graph, self.scheme.bits_per_symbol
        sendable = np.arange(2 * graph.lifting, graph.bits)
        fillers = (sendable >= self.block_bits) & (sendable < graph.systematic)
        sendable = sendable[~fillers]
        share, rest = divmod(self.symbols, self.blocks)
        sent = []
        for block in range(self.blocks):
            symbols = share + (block >= self.blocks - rest)
            order = np.resize(sendable, symbols * per_symbol)
            sent.append(order.reshape(per_symbol, symbols).T.ravel())
        return tuple(sent)

    def encode(self, data: bytes) -> Bits:
        """The coded bits of a transport block, uint8 [symbols * bits per symbol].

        Args:
            data: exactly `size` bytes.
        """
        if len(data) != self.size:
            raise ValueError(f"a transport block of {self.size} bytes, not {len(data)}")
        whole = data + self.crc(data)
        length = len(whole) // self.blocks
        parts = [whole[i : i + length] for i in range(0, len(whole), length)]
        if self.blocks > 1:
            parts = [part + CRC24B(part) for part in parts]
        information = np.zeros((self.graph.systematic, self.blocks), np.uint8)
        for block, part in enumerate(parts):
            information[: self.block_bits, block] = np.unpackbits(np.frombuffer(part, np.uint8))
        code = ldpc.encode(self.graph, information)
        return np.concatenate([code[order, block] for block, order in enumerate(self.sent)])

    def decode(self, llr: Llrs) -> bytes | None:
        """The transport block, or None where a check fails.

        Args:
            llr: ln P(0) / P(1) of the coded bits, float32 [symbols * bits per symbol].
        """
        known = np.zeros((self.graph.bits, self.blocks), np.float32)
        first = 0
        for block, order in enumerate(self.sent):
            mine = llr[first : first + len(order)]
            known[:, block] = np.bincount(order, mine, minlength=self.graph.bits)
            first += len(order)
        known[self.block_bits : self.graph.systematic] = ldpc.CERTAIN
        information, right = ldpc.decode(self.graph, known)
        if not right.all():
            return None
        parts = [bytes(np.packbits(block)) for block in information[: self.block_bits].T]
        if self.blocks > 1:
            check = CRC24B.bits // 8
            if any(CRC24B(part) != bytes(check) for part in parts):
                return None
            parts = [part[:-check] for part in parts]
        whole = b"".join(parts)
        return None if any(self.crc(whole)) else whole[: self.size]
