# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether `percast engine verify` has found torch's results on this GPU right; in the user's cache.

Nothing here imports torch before there is reason to: that takes a second or two.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from percast.engines.manifest import sha256_of
from percast.engines.runtimes.plan_cache import default_folder
from percast.engines.runtimes.shared_files import locked, read_json, write
from percast.errors import FileError, ModelError, one_line

FILE_NAME = "torch.verified.json"


def remember(
    network: Path, precision: str, device: str, version: str, result: Mapping[str, object]
) -> None:
    """Remembers what was found right.

    Args:
        network: the ONNX file.
        precision: of the arithmetic.
        device: the GPU, in torch's words.
        version: of torch.
        result: of the comparison.

    Raises:
        FileError: the cache cannot be written.
    """
    path = default_folder() / FILE_NAME
    waiting = "another percast writes what it verified: waiting for it"
    with locked(path.with_suffix(".lock"), waiting) as problem:
        if problem:
            raise FileError(problem)
        content = read_json(path)
        content[_key(network, precision)] = {"device": device, "version": version, **result}
        write(path, json.dumps(content, indent=2).encode())


def check(network: Path, precision: str) -> None:
    """Checks that torch is fit to be used here without being asked for.

    Args:
        network: the ONNX file.
        precision: asked for; "auto" is fp16.

    Raises:
        ModelError: saying what lacks; with nothing to say where torch was never verified on a GPU.
    """
    content = read_json(default_folder() / FILE_NAME)
    if not content:
        raise ModelError("")
    found = content.get(_key(network, "fp16" if precision == "auto" else precision))
    if not isinstance(found, dict):
        raise ModelError("its results are not verified for this model (percast engine verify)")
    try:
        import torch
    except ImportError as error:
        raise ModelError(f"it cannot be loaded ({error})") from error
    if not torch.cuda.is_available():
        raise ModelError("it finds no GPU")
    try:
        here = torch.cuda.get_device_name(), torch.__version__
    except RuntimeError as error:  # busy, lost, or of no use to this torch
        raise ModelError(f"it cannot use the GPU ({one_line(error)})") from error
    if (found.get("device"), found.get("version")) != here:
        raise ModelError(
            f"its results are not verified on {here[0]} with torch {here[1]} yet "
            "(percast engine verify)"
        )


def _key(network: Path, precision: str) -> str:
    return f"{sha256_of(network)} {precision}"
