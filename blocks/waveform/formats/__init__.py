# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of packet, version by version: their lengths (`kinds`), the byte tables of their headers
(`table`), the edges of OFDM symbols (`edges`), and what of them falls outside the band
(`leakage`)."""
