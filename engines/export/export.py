# SPDX-License-Identifier: GPL-3.0-or-later
"""From a run's weights to a model folder: encoder.onnx, generator.onnx, manifest.json.

    python -m percast.engines.export RUN/weights.pt DIR --name NAME

Both CPU engines are compared with torch before the manifest is written, so a folder with a
manifest is a folder that was checked.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from percast.engines import manifest
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.engine import CPU_ENGINES
from percast.errors import FileError, ModelError, PercastError, UsageError

if TYPE_CHECKING:
    from percast.engines.export.onnx_graph import Network

TOLERANCE = 2e-3
"""Largest allowed difference between torch and an engine in fp32, of latents and of pixels."""

CHECKED_SIZES = ((64, 64), (256, 256), (208, 336))
"""Heights and widths of the comparison."""


def export(
    checkpoint: Path,
    folder: Path,
    name: str,
    description: str = "",
    licence: str = "GPL-3.0-or-later",
    full_realism: float | None = None,
) -> dict[str, float]:
    """Writes a model folder and checks it.

    Args:
        checkpoint: a run's weights.pt.
        folder: to write to; made if it is not there, files of an earlier export are replaced.
        name, description, licence: for the manifest.
        full_realism: what the dial's 1 stands for, within the range of the training; None: its end.
            Past some point more realism makes LPIPS worse again, and the dial should end there.

    Returns:
        Largest absolute difference from torch, by "network engine HxW".

    Raises:
        ModelError: no torch, weights that do not fit, or an engine that computes something
            else than torch.
        UsageError: `full_realism` outside the range of the training.
        FileError: the folder cannot be written.
    """
    # Here, not above: `--help` and the messages of the command line need no torch.
    from percast.engines.export import onnx_graph

    networks, described = onnx_graph.load_checkpoint(checkpoint)
    if full_realism is not None:
        low, high = described["realism"]
        if not low <= full_realism <= high:
            raise UsageError(f"--full-realism {full_realism:g}: give {low:g} to {high:g}")
        described["realism"] = [low, full_realism]
    files, differences = {}, {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / manifest.FILE_NAME).unlink(missing_ok=True)
        for role, network in networks.items():
            path = folder / f"{role}.onnx"
            path.write_bytes(onnx_graph.to_onnx(network))
            for key, value in _compare(network, path).items():
                differences[f"{role} {key}"] = value
            files[role] = {
                "file": path.name,
                "sha256": manifest.sha256_of(path),
                "inputs": onnx_graph.shapes(network, network.inputs),
                "outputs": onnx_graph.shapes(network, network.outputs),
            }
        content = {
            "format": manifest.FORMAT,
            "name": name,
            "description": description,
            "licence": licence,
            "latent_channels": onnx_graph.LATENT_CHANNELS,
            "stride": onnx_graph.STRIDE,
            **described,
            "networks": files,
        }
        (folder / manifest.FILE_NAME).write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror}") from error
    manifest.load_model(folder)
    return differences


def _compare(network: "Network", path: Path) -> dict[str, float]:
    """Largest absolute difference of every CPU engine from torch, by "engine HxW"."""
    from percast.engines.export import onnx_graph

    differences = {}
    for name in CPU_ENGINES:
        with open_engine(path, name, "fp32") as engine:
            for height, width in CHECKED_SIZES:
                inputs = onnx_graph.sample(network, height, width)
                found = engine.run(inputs)
                difference = max(
                    float(np.abs(found[key] - value).max())
                    for key, value in onnx_graph.compute(network, inputs).items()
                )
                if not difference < TOLERANCE:
                    raise ModelError(
                        f"{path} in {name} at {height}x{width} differs from torch by "
                        f"{difference:.1e}, {TOLERANCE:.0e} is allowed: no manifest was written"
                    )
                differences[f"{name} {height}x{width}"] = difference
    return differences


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m percast.engines.export", description="weights -> model folder"
    )
    parser.add_argument("checkpoint", type=Path, metavar="WEIGHTS", help="a run's weights.pt")
    parser.add_argument("folder", type=Path, metavar="DIR", help="model folder to write")
    parser.add_argument("--name", required=True, help="of the model")
    parser.add_argument("--description", default="", help="one line, for people")
    parser.add_argument("--licence", default="GPL-3.0-or-later", help="of the weights")
    parser.add_argument(
        "--full-realism", type=float, metavar="R",
        help="what the realism dial's 1 stands for (default: the highest that was trained)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    try:
        differences = export(
            options.checkpoint, options.folder, options.name, options.description, options.licence,
            options.full_realism,
        )  # fmt: skip
        model = manifest.load_model(options.folder)
    except PercastError as error:
        print(f"percast: {error}", file=sys.stderr)
        return error.exit_code
    for key, value in differences.items():
        print(f"{key}: differs from torch by at most {value:.1e}")
    print(f"{model.folder}: model '{model.name}', id {model.id.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
