# SPDX-License-Identifier: GPL-3.0-or-later
"""That no transmitter goes on the air unasked, or stays there.

- `naming`, `vocabulary`: what `--args` names, in each driver's words, and that it names something
- `boards`: the HackRFs of this computer, through libhackrf itself
- `watchman`: a process that switches a board off when this one ends without having done so
- `stopping`: gr-osmosdr's HackRF sink, stopped so that it does stop
"""
