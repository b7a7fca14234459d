# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights in an exported ONNX file, under the names that they have in torch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from percast.errors import ModelError, one_line


def read(path: Path) -> tuple[set[str], dict[str, npt.NDArray[np.float32]]]:
    """Names of the network's inputs, and its weights by name.

    Raises:
        ModelError: no onnx, or no ONNX file.
    """
    try:
        import onnx  # imported late: a running link needs none
    except ImportError as error:
        raise ModelError(f"reading the weights of {path} needs onnx: pip install onnx") from error
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's exceptions share no base class but this
        raise ModelError(f"cannot read {path}: {one_line(error)}") from error
    weights = {}
    for tensor in graph.initializer:
        name = tensor.name.removesuffix(".fp16")
        # The graph has constants beside the weights: some without a dot in their names, and the
        # kernel of `PixelBlocks`.
        if "." in name and name != "blocks.kernel":
            weights[name] = onnx.numpy_helper.to_array(tensor).astype(np.float32)
    return {port.name for port in graph.input}, weights
