# SPDX-License-Identifier: GPL-3.0-or-later
"""percast: real-time perceptual image transmission over software-defined radio."""

__version__ = "0.1.0"
