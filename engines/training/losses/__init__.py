# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver's picture is judged by: distortion, perceptual distance, an adversary."""
