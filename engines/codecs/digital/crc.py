# SPDX-License-Identifier: GPL-3.0-or-later
"""Cyclic redundancy checks of 3GPP TS 38.212, section 5.1, of whole bytes."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Crc:
    """A generator polynomial, without its highest term. The register starts at 0."""

    polynomial: int
    bits: int

    def __call__(self, data: bytes) -> bytes:
        """The parity bits of `data`, most significant first."""
        table, top, mask = _table(self), self.bits - 8, (1 << self.bits) - 1
        register = 0
        for byte in data:
            register = (register << 8 & mask) ^ table[register >> top ^ byte]
        return register.to_bytes(self.bits // 8, "big")


CRC16 = Crc(0x1021, 16)
CRC24A = Crc(0x864CFB, 24)
CRC24B = Crc(0x800063, 24)


@lru_cache(maxsize=3)
def _table(crc: Crc) -> list[int]:
    """What each byte does to the register."""
    mask = (1 << crc.bits) - 1
    table = []
    for byte in range(256):
        register = byte << crc.bits - 8
        for _ in range(8):
            carry = register >> crc.bits - 1
            register = register << 1 & mask ^ carry * crc.polynomial
        table.append(register)
    return table
