# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of the signal chain.

Files here are GNU Radio blocks, short shells that move samples and messages:

- `image_source`, `image_encoder`, `ofdm_modulator`: a transmitter; `channel_model`: the air
- `ofdm_demodulator`, `image_generator`, `image_sink`: a receiver
- `recording_source`, `recording_sink`, `zmq_sample_source`: samples of files and other processes
- `transmit_bridge`, `receive_bridge`: samples to and from a radio in a graph of its own
- `guard`, `pdu`, `worker_block`, `ending_source`: what these share

Folders are plain Python without GNU Radio, where the work is done:

- `images/`: pictures in and out: folders, videos, cameras, ZeroMQ
- `waveform/`: a picture's symbols to samples and back
- `channel/`: the air between two radios
- `recordings/`: samples in files, SigMF and raw
- `stats/`: figures of a running link
- `queues/`: bounded queues between threads
- `grc/`: the blocks in gnuradio-companion

So `image_source` is the block round a `PictureSource` of `images/`, `ofdm_modulator` the one round
`waveform/transmit`, `channel_model` the one round `channel/`. Blocks load GNU Radio, so they are
looked up only when used.
"""

import importlib

_GR_BLOCKS = {
    "ImageSource": "image_source",
    "ImageEncoder": "image_encoder",
    "OfdmModulator": "ofdm_modulator",
    "ChannelModel": "channel_model",
    "OfdmDemodulator": "ofdm_demodulator",
    "ImageGenerator": "image_generator",
    "ImageSink": "image_sink",
}
__all__ = list(_GR_BLOCKS)


def __getattr__(name: str):
    if name in _GR_BLOCKS:
        return getattr(importlib.import_module(f"{__name__}.{_GR_BLOCKS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
