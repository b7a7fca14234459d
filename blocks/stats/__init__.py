# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a link while it runs. Plain Python.

- `tree`: all of them, at any moment; `link_stats`: summed up as it goes
- `scoring`: received pictures against their originals; `tally`: what befell pictures, by reason
- `level_meter`: how loud a radio receives; `clock`: when pictures are read and decoded
"""
