# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the waveform: what it costs, down to which SNR it works, how fast it is. `table` is the
command, `measure` measures, `standards` computes what Wi-Fi and 5G take for the same payload."""
