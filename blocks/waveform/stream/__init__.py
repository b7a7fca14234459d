# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver does to every sample.

- `condition`, `tones`: damaged samples, the radio's DC offset and steady tones taken out
- `windows`: a packet's OFDM symbols out of the stream
"""
