# SPDX-License-Identifier: GPL-3.0-or-later
"""Codecs: a picture becomes unit-power complex symbols and comes back.

- `contract`: what every codec promises; the waveform and the tools know nothing else
- `learned`: the learned joint source-channel code, with its `latent`
"""
