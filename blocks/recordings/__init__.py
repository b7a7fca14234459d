# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of samples: SigMF, .cf32 and .cs8. Plain Python.

- `reader`: `open_recording`; `sigmf` reads the metadata, `sample_types` the samples
- `writer`, `recorder`: a recording as it grows, with an annotation for every packet
- `on_demand`: begun and ended while a receiver runs; `ring`: the last seconds of what was heard
- `config`: what a receiver writes down
"""
