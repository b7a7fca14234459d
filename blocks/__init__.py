# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of the signal chain.

`waveform`, `channel` and `images` are plain Python; the classes below are the GNU Radio blocks
round them and round the codecs. They load GNU Radio, so they are looked up only when used.
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
