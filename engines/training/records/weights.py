# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights that training starts from, and those that it leaves for `percast.engines.export`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from percast.engines.manifest import load_model
from percast.engines.networks import LATENT_CHANNELS
from percast.engines.onnx_weights import read as read_weights
from percast.engines.training.config import Config
from percast.engines.training.grow import grow
from percast.engines.training.link import Link
from percast.engines.training.records import prototype
from percast.errors import FileError, ModelError, one_line
from percast.whole_file import written_whole

FILE_NAME = "weights.pt"
FIRST_STAGE_NAME = "weights-stage1.pt"

State = dict[str, Tensor]


def initial(link: Link, source: str) -> None:
    """Loads weights into a link.

    Args:
        source: a file that `save` wrote or a checkpoint of a run; or else a model's name or
            folder, whose ONNX files hold the weights. Those of smaller networks are grown, see
            `percast.engines.training.grow`.

    Raises:
        ModelError: no weights there, or those of other or larger networks.
    """
    path = Path(source)
    states = _from_file(path) if path.is_file() else _from_model(source)
    try:
        for network, state in zip((link.encoder, link.generator), states, strict=True):
            grow(network, {name: value.float() for name, value in state.items()})
    except RuntimeError as error:
        raise ModelError(
            f"--init {source}: weights of other networks: {one_line(error)}"
        ) from error


def save(path: Path, link: Link, config: Config, step: int, images: int, adversarial: bool) -> None:
    """Writes weights in fp16, in the form which `percast.engines.export` reads; see `prototype`.

    Raises:
        FileError: the file cannot be written; one that was there is then left as it was.
    """
    flat = prototype.to_prototype(link.encoder.state_dict(), link.generator.state_dict())
    content = {
        "ema": {name: value.detach().half().cpu() for name, value in flat.items()},
        prototype.LEVELLED: True,
        "rates": list(config.rates),
        "snr_db": list(config.snr_db),
        "realism": list(config.realism),
        "step": step,
        "seen": images,
        "gan": int(adversarial),
        "args": _arguments(config, adversarial),
    }
    write_atomically(path, content)


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Replaces a file by torch's form of `content`, wholly or not at all.

    Raises:
        FileError: the file cannot be written.
    """
    try:
        with written_whole(path, settled=True) as out:
            torch.save(content, out)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise FileError(f"cannot write {path}: {reason}") from error


def read(path: Path) -> dict[str, Any]:
    """What torch wrote into a file; tensors and plain values only, on the CPU.

    Raises:
        ModelError: no such file, or not one of torch's.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # whatever unpickling of a foreign file may raise
        raise ModelError(f"{path} is no file of torch, or is damaged") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no weights")
    return content


def _arguments(config: Config, adversarial: bool) -> dict[str, Any]:
    """In the prototype's words; the tensors themselves tell widths and depths."""
    return {
        "zc": LATENT_CHANNELS,
        "norm": 0,
        "lin": 1,
        "batch": config.batch,
        "size": config.crop,
        "gan": int(adversarial),
    }


def _from_file(path: Path) -> tuple[State, State]:
    content = read(path)
    ema = content.get("ema")
    if not isinstance(ema, dict):
        raise ModelError(f"{path} holds no weights: it lacks 'ema'")
    if any(name.startswith(("encoder.", "generator.")) for name in ema):  # a run's checkpoint
        encoder, generator = (
            {
                name.removeprefix(f"{network}."): value
                for name, value in ema.items()
                if name.startswith(f"{network}.")
            }
            for network in ("encoder", "generator")
        )
        return encoder, generator
    prototype.check_levelled(content)
    return prototype.from_prototype(ema)


def _from_model(source: str) -> tuple[State, State]:
    model = load_model(source)
    encoder, generator = (
        {name: torch.from_numpy(array) for name, array in read_weights(network.path)[1].items()}
        for network in (model.encoder, model.generator)
    )
    return encoder, generator
