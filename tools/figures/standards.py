# SPDX-License-Identifier: GPL-3.0-or-later
"""What Wi-Fi and 5G spend beside the same payload, counted as percast counts its own: time times
the carriers that are sent, per data symbol, less one."""

from math import ceil

# IEEE 802.11-2016, clause 17: table 17-5 (20 MHz), figure 17-1, equation 17-29 for the longest
# PSDU. No SERVICE and tail bits, MAC header, FCS, SIFS, back-off or acknowledgement.
_WIFI_DATA, _WIFI_CARRIERS = 48, 52
_WIFI_SYMBOL_US, _WIFI_USEFUL_US = 4.0, 3.2
_WIFI_PREAMBLE_US = 16.0 + 4.0  # training and SIGNAL
_WIFI_LONGEST = 4095 * 8  # QPSK symbols of 4,095 bytes at code rate 1/2

# 3GPP TS 38.211 (table 4.3.2-1, 5.3.1, 7.4.1.1, 7.3.2, 7.4.3), TS 38.101-1 (table 5.3.2-1): 20 MHz
# at 30 kHz, 51 resource blocks.
_NR_CARRIERS, _NR_SYMBOLS = 51 * 12, 14
_NR_SLOT_US, _NR_USEFUL_US = 500.0, 1e3 / 30
_NR_PDCCH, _NR_DMRS = (
    1,
    2,
)  # symbols of a slot: a CORESET over the whole width, one additional DM-RS
_NR_SSB = 240 * 4 / 40  # resource elements per slot: one block of 20 RB and 4 symbols in 20 ms


def wifi(symbols: int) -> float:
    """Overhead of IEEE 802.11a for so many data symbols, in as few packets as may be."""
    packets = ceil(symbols / _WIFI_LONGEST)
    time = ceil(symbols / _WIFI_DATA) * _WIFI_SYMBOL_US + packets * _WIFI_PREAMBLE_US
    return time * _WIFI_CARRIERS / _WIFI_USEFUL_US / symbols - 1


def nr() -> float:
    """Overhead of a 5G downlink that goes on for ever; any payload is a share of its slots."""
    spent = _NR_CARRIERS * _NR_SLOT_US / _NR_USEFUL_US
    data = _NR_CARRIERS * (_NR_SYMBOLS - _NR_PDCCH - _NR_DMRS) - _NR_SSB
    return spent / data - 1
