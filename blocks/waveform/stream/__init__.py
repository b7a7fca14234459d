# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver does to every sample: `condition` cleans the stream, `windows` takes a packet's
OFDM symbols out of it."""
