# SPDX-License-Identifier: GPL-3.0-or-later
"""A codec that ends its process, as one does that runs out of memory: `...deadly:Deadly`."""

import os
from fractions import Fraction

from tests.engines.codecs.own import Grey


class Deadly(Grey):
    """Dies of pictures at 1/24."""

    codec_id = 201

    def encode(self, rgb):
        if self.cbr == Fraction(1, 24):
            os._exit(9)
        return super().encode(rgb)
