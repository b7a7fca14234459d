# SPDX-License-Identifier: GPL-3.0-or-later
"""Bits and seeds: the header's repeat-accumulate code, the interleaver, and the hash behind it."""
