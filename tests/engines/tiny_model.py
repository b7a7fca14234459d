# SPDX-License-Identifier: GPL-3.0-or-later
"""A second model that costs nothing: the lowest frequencies of each colour's 16x16 blocks (a DCT)
as latents, and back. For tests of what chooses between models; needs onnx, no torch."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from percast.engines import manifest

BLOCK, LATENTS = 16, 96
_IMAGE, _GRID = ["N", 3, "H", "W"], ["h", "w"]


def write_tiny_model(folder: Path, name: str) -> Path:
    """Makes a model folder; gives it."""
    folder.mkdir(parents=True)
    like = json.loads((manifest.SHIPPED / "base" / manifest.FILE_NAME).read_text())
    graphs = {"encoder": _encoder(), "generator": _generator()}
    for role, graph in graphs.items():
        opset = helper.make_opsetid("", 18)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
        onnx.checker.check_model(model)
        path = folder / f"{role}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        like["networks"][role]["sha256"] = manifest.sha256_of(path)
    like |= {"name": name, "description": "for tests", "training": {}}
    (folder / manifest.FILE_NAME).write_text(json.dumps(like))
    return folder


def _basis() -> np.ndarray:
    """Orthonormal rows, float32 [96, 3, 16, 16]: 32 frequencies of each colour, the lowest first,
    and colours side by side so that every prefix holds all three."""
    n = np.arange(BLOCK)
    waves = np.cos(np.pi * (n + 0.5) * n[:, None] / BLOCK) * (2 / BLOCK) ** 0.5
    waves[0] *= 0.5**0.5
    lowest = sorted(((u, v) for u in n for v in n), key=lambda f: (f[0] + f[1], f))
    basis = np.zeros((LATENTS, 3, BLOCK, BLOCK), np.float32)
    for index in range(LATENTS):
        u, v = lowest[index // 3]
        basis[index, index % 3] = np.outer(waves[u], waves[v])
    return basis


def _encoder() -> onnx.GraphProto:
    return helper.make_graph(
        [
            helper.make_node("Conv", ["image", "basis"], ["code"], strides=[BLOCK, BLOCK]),
            *_also("code", ["condition"], "latent"),
        ],
        "tiny encoder",
        [_port("image", _IMAGE), _port("condition", ["N", 2])],
        [_port("latent", ["N", LATENTS, *_GRID])],
        [numpy_helper.from_array(_basis(), "basis"), _nothing()],
    )


def _generator() -> onnx.GraphProto:
    back = _basis().reshape(LATENTS, -1).T[..., None, None].copy()  # [768, 96, 1, 1]
    return helper.make_graph(
        [
            helper.make_node("Conv", ["latent", "back"], ["blocks"]),
            helper.make_node("DepthToSpace", ["blocks"], ["code"], blocksize=BLOCK, mode="CRD"),
            *_also("code", ["condition", "reliability"], "image"),
        ],
        "tiny generator",
        [
            _port("latent", ["N", LATENTS, *_GRID]),
            _port("reliability", ["N", LATENTS // 2, *_GRID]),
            _port("condition", ["N", 3]),
        ],
        [_port("image", _IMAGE)],
        [numpy_helper.from_array(back, "back"), _nothing()],
    )


def _also(value: str, others: list[str], result: str) -> list[onnx.NodeProto]:
    """Zero times the other inputs is added: no runtime may drop them."""
    nodes = []
    for index, other in enumerate(others):
        names = [f"{other}_{step}" for step in ("mean", "none", "sum")]
        names[2] = result if index == len(others) - 1 else names[2]
        nodes += [
            helper.make_node("ReduceMean", [other], [names[0]], keepdims=0),
            helper.make_node("Mul", [names[0], "nothing"], [names[1]]),
            helper.make_node("Add", [value, names[1]], [names[2]]),
        ]
        value = names[2]
    return nodes


def _nothing() -> onnx.TensorProto:
    return numpy_helper.from_array(np.float32(0), "nothing")


def _port(name: str, shape: list) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
