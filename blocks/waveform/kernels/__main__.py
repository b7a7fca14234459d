# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m percast.blocks.waveform.kernels`: compile the kernels now, so that nobody waits."""

import logging

from percast.blocks.waveform import kernels

logging.basicConfig(level=logging.INFO, format="percast: %(message)s")
kernels.warm_up()
