# SPDX-License-Identifier: GPL-3.0-or-later
"""`--codec tests.flowgraphs.ready:Ready`: costs nothing, so that the rest of the link is seen."""

from functools import cached_property

import numpy as np

from percast.blocks.channel.impairments import complex_noise
from percast.engines.codecs.contract import Codec


class Ready(Codec):
    """Sends the same Gaussian symbols for every picture, and decodes them to grey."""

    def symbol_count(self, height, width, cbr):
        return round(3 * height * width * cbr)

    @cached_property
    def _noise(self):
        noise = complex_noise(np.random.default_rng(1), 1 << 20)
        return noise / np.sqrt(np.mean(np.abs(noise) ** 2))

    def encode(self, rgb):
        height, width = rgb.shape[:2]
        return self.coded(height, width), self._noise[: self.symbol_count(height, width, self.cbr)]

    def decode(self, coded, symbols, noise_var, realism=None):
        return np.full((coded.height, coded.width, 3), 128, np.uint8)
