# SPDX-License-Identifier: GPL-3.0-or-later
"""What the receiver's picture is judged by: distortion, perceptual distance, an adversary.

- `terms`: what is minimised
- `perceptual`: LPIPS and Wasserstein distortion on AlexNet's features
- `discriminator`: tells received pictures from originals; `adversary`: its side of a step
"""
