# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the figures and pictures that the docs show.

Commands, `python -m percast.tools.figures.NAME --help`:

- `waveform`: the tables of docs/waveform.md: what a packet costs, needs, loses, how fast it is
- `benchmark`: kernels beside numpy, the modem beside GNU Radio's, the whole link, its memory
- `cliff`, `side_by_side`: the learned code beside a digital link: curves, and sheets of pictures
- `campaign`: what a campaign costs
- `looking_on/`: what a viewer costs a live receiver

What they measure with: `packets` (overhead, sensitivity, loss), `speed` (of one core), `modems`
(flowgraphs), all three with the pictures of `traffic`; `standards` (what Wi-Fi and 5G take for the
same payload). `contact_sheet` draws.
"""
