# SPDX-License-Identifier: GPL-3.0-or-later
"""What codecs and engines are worth, in figures.

- `measure`: one picture sent, decoded and compared
- `evaluate`: a codec scored on pictures over rate x SNR x realism
- `symbol_channel`: the training channel's law in numpy, for scoring without the waveform
- `verify`, `bench`: whether all engines compute the same, and how fast
- `baselines`: curves of an engineered link to draw beside
"""
