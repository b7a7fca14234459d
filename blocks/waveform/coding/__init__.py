# SPDX-License-Identifier: GPL-3.0-or-later
"""Bits and seeds.

- `header_code`: the header's repeat-accumulate code
- `interleaver`: a picture's symbols over packets, carriers and time
- `hashing`: the pseudo-random numbers behind both
"""
