# SPDX-License-Identifier: GPL-3.0-or-later
"""What only torch can do for an export: read checkpoints, and turn networks into ONNX graphs.

The graphs compute in fp32 for any batch, height and width, and store their weights in fp16 behind
a Cast. That halves the files and loses nothing, as checkpoints hold fp16 weights; runtimes fold
the Casts when they compile, so it costs no time either.
"""

import hashlib
import logging
import warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from percast.engines.training.records import prototype, weights
from percast.errors import ModelError, one_line

try:
    import onnx
    import onnxscript  # noqa: F401 - torch.onnx needs it, and would fail much later
    import torch

    from percast.engines.networks import LATENT_CHANNELS, STRIDE, Encoder, Generator, rebuild
except ImportError as error:
    raise ModelError(
        f"export needs more packages ({error}): pip install torch onnx onnxscript"
    ) from error

log = logging.getLogger(__name__)

OPSET = 18
_TRAINED = {"rates": [8, 16, 32, 64, 96], "snr_db": [-1, 19], "realism": [0, 1]}  # if not said
_STORED_AS_FP16 = 16  # elements and more; scalars are not worth a Cast

Network = Encoder | Generator
Arrays = dict[str, npt.NDArray[np.float32]]


def shapes(network: Network, names: tuple[str, ...]) -> dict[str, list[int | str]]:
    """Shapes of some of a network's tensors, as the manifest states them."""
    known: dict[str, list[int | str]] = {
        "image": ["N", 3, f"{STRIDE}h", f"{STRIDE}w"],
        "latent": ["N", LATENT_CHANNELS, "h", "w"],
        "reliability": ["N", LATENT_CHANNELS // 2, "h", "w"],
        "condition": ["N", network.condition_size],
    }
    return {name: known[name] for name in names}


def load_checkpoint(path: Path) -> tuple[dict[str, Network], dict[str, Any]]:
    """The encoder and generator of a run's `weights.pt`.

    Returns:
        Networks in fp32 by role, with weights that fp16 holds exactly; and the manifest's
        rates, snr_db, realism and training.

    Raises:
        ModelError: no checkpoint, or one of other networks.
    """
    checkpoint = weights.read(path)
    if not {"ema", "args", "step"} <= set(checkpoint):
        raise ModelError(f"{path} is no run's weights.pt: it lacks ema, args or step")
    arguments = checkpoint["args"]
    prototype.check_arguments(arguments)
    prototype.check_levelled(checkpoint)
    encoder, generator = prototype.from_prototype(checkpoint["ema"])
    trained = {name: checkpoint.get(name, usual) for name, usual in _TRAINED.items()}
    # Two channels are a complex symbol, for each position's block of 3 * STRIDE^2 samples.
    cbrs = [str(Fraction(channels, 2 * 3 * STRIDE**2)) for channels in trained["rates"]]
    described = {
        **trained,
        "rates": dict(zip(cbrs, trained["rates"], strict=True)),
        "training": {
            "checkpoint_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "steps": checkpoint["step"],
            "crops_seen": checkpoint.get("seen"),
            "batch": arguments.get("batch"),
            "crop": arguments.get("size"),
            "adversarial": bool(arguments.get("gan")),
        },
    }
    networks = {"encoder": _build(Encoder, encoder), "generator": _build(Generator, generator)}
    return networks, described


def sample(network: Network, height: int, width: int, batch: int = 2, seed: int = 0) -> Arrays:
    """Random inputs of a network for pictures of a size, in the ranges that it was trained for."""
    random = np.random.default_rng(seed)
    grid = (batch, height // STRIDE, width // STRIDE)
    reliability = random.random((batch, LATENT_CHANNELS // 2, *grid[1:]))
    latent = random.normal(0, 0.5**0.5, (batch, LATENT_CHANNELS, *grid[1:]))
    inputs = {
        "image": random.random((batch, 3, height, width)),
        "latent": latent * reliability.repeat(2, axis=1),
        "reliability": reliability,
        "condition": random.random((batch, network.condition_size)),
    }
    return {name: inputs[name].astype(np.float32) for name in network.inputs}


def compute(network: Network, inputs: Arrays) -> Arrays:
    """What torch computes; an engine must compute the same."""
    with torch.inference_mode():
        output = network(*(torch.from_numpy(inputs[name]) for name in network.inputs))
    return {network.outputs[0]: output.numpy()}


def to_onnx(network: Network) -> bytes:
    """An ONNX file. The same weights and the same torch give the same bytes.

    Raises:
        ModelError: the exporter changed the weights.
    """
    inputs = sample(network, 4 * STRIDE, 6 * STRIDE)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings():
        # About the names of dimensions that inputs share, and about torch's own internals.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(torch.from_numpy(inputs[name]) for name in network.inputs),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            external_data=False,
            input_names=list(network.inputs),
            output_names=list(network.outputs),
            dynamic_shapes=_dynamic(network),
        )
    model = program.model_proto
    _strip(model)
    _store_fp16(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _build(kind: type[Network], state: Mapping[str, torch.Tensor]) -> Network:
    halves = {name: value.half() for name, value in state.items()}
    moved = max(
        (float((state[name].float() - halves[name].float()).abs().max()) for name in state),
        default=0.0,
    )
    if moved > 0:
        log.warning("rounding the weights to fp16 moves them by up to %.1e", moved)
    try:
        network = rebuild(kind, {name: value.float() for name, value in halves.items()})
    except RuntimeError as error:
        raise ModelError(f"the checkpoint is one of other networks: {one_line(error)}") from error
    return network.eval().requires_grad_(False)


def _dynamic(network: Network) -> tuple[dict[int, Any], ...]:
    """What may vary, in torch.export's words, for each input."""
    batch, high, wide = (torch.export.Dim(name) for name in ("N", "h", "w"))
    grid = {0: batch, 2: high, 3: wide}
    dynamic = {
        "image": {0: batch, 2: STRIDE * high, 3: STRIDE * wide},
        "latent": grid,
        "reliability": grid,
        "condition": {0: batch},
    }
    return tuple(dynamic[name] for name in network.inputs)


def _strip(model: onnx.ModelProto) -> None:
    """Removes what does not compute: the exporter's notes vary and tell where it ran."""
    graph = model.graph
    model.producer_name, model.producer_version, model.doc_string = "percast", "", ""
    graph.name, graph.doc_string = "percast", ""
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def _store_fp16(graph: onnx.GraphProto) -> None:
    """Stores the weights in fp16, each with a Cast to fp32 before its first use."""
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _STORED_AS_FP16:
            continue
        name, halves = tensor.name, values.astype(np.float16)
        if not np.array_equal(halves, values):
            raise ModelError(f"the exporter changed the weights '{name}': fp16 cannot hold them")
        stored = f"{name}.fp16"
        tensor.CopyFrom(onnx.numpy_helper.from_array(halves, stored))
        cast = onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT)
        cast.name = f"{name}.cast"
        casts.append(cast)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
