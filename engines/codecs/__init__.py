# SPDX-License-Identifier: GPL-3.0-or-later
"""Codecs: a picture becomes unit-power complex symbols and comes back.

- `contract`: what every codec promises; the waveform and the tools know nothing else
- `config`: which codec, and what is asked of it
- `registry`: `open_codec`, the way to one, by name; `decoders`: by the header's id
- `sizes`: which model `--model auto` takes
- `checked`: holds codecs that are not ours to the contract
- `learned`: the learned joint source-channel code, with its `latent`, `planes` and `rates`
- `digital/`: an engineered link: picture formats, 5G's LDPC code and QAM
"""
