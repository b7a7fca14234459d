# SPDX-License-Identifier: GPL-3.0-or-later
"""Something to run a network on, where only the time that it takes matters."""

import numpy as np

from percast.engines.manifest import Network
from percast.engines.runtimes.engine import FloatArray


def inputs_of(network: Network, height: int, width: int, batch: int) -> dict[str, FloatArray]:
    """Random inputs of a network for pictures of a size, rounded up to whole blocks."""
    rng = np.random.default_rng(0)
    h, w = -(-height // 16), -(-width // 16)
    sides = {"N": batch, "h": h, "w": w, "16h": 16 * h, "16w": 16 * w}
    return {
        name: rng.random([sides[side] if isinstance(side, str) else side for side in shape]).astype(
            np.float32
        )
        for name, shape in network.inputs.items()
    }
