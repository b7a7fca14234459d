# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of packet, version by version.

- `kinds`: their lengths; `table`: the byte tables of their headers
- `shared`: several small pictures in one packet
- `edges`: OFDM symbols that fade into each other; `leakage`: what falls outside the band
"""
