# SPDX-License-Identifier: GPL-3.0-or-later
"""The wiring.

- `transmitter`, `receiver`: pictures to samples and back; `loopback`: both with a channel between
- `one_end`: one of the two with a radio or a recording; `symbols_on_air`: without codec
- `run`: runs a flowgraph until its pictures are through; `config`, `stats`: settings and figures
- `numpy_link`: the same chain for one picture at a time, without GNU Radio;
  `evaluation_channel`: that or a law for symbols, whichever codecs are scored over
- `radios/`: the radios
- `examples/`: graphs for gnuradio-companion
"""
