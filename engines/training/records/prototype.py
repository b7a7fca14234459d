# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of `weights.pt`, which the research prototype's checkpoints had: a renaming both ways.

It holds `ema`: one flat dictionary with `E.` before the encoder's tensors and `G.` before the
generator's; and `args`, options of the training. Values are passed through untouched, so this
module needs no torch.
"""

from collections.abc import Mapping
from typing import TypeVar

from percast.errors import ModelError

T = TypeVar("T")

LEVELLED = "levelled"
"""Set where the networks take latents at their own level."""


def check_levelled(checkpoint: Mapping[str, object]) -> None:
    """Refuses weights of networks that take latents of unit power.

    Raises:
        ModelError: they are the prototype's, or of an early version of percast.
    """
    if LEVELLED not in checkpoint:
        raise ModelError(
            "the weights are of an earlier version of percast, whose receiver scaled latents "
            "otherwise: train anew, or start from a shipped model (`percast train --init base`)"
        )


# (ours, theirs), in names split at the dots; '#' stands for any number.
_COMMON = [
    ("conditioner.hidden", "cond.net.0"),
    ("conditioner.out", "cond.net.2"),
    ("stem", "inp"),
    ("stages.#.#.conv1", "st.#.#.a"),
    ("stages.#.#.conv2", "st.#.#.b"),
    ("stages.#.#.film", "st.#.#.f"),
    ("linear", "lin"),
]
_RULES = {
    "E": [*_COMMON, ("head", "dn.2"), ("downs.#", "dn.#")],
    "G": [*_COMMON, ("head", "up.2"), ("ups.#", "up.#")],
}


def from_prototype(ema: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """Splits the flat dictionary into (encoder, generator) state dictionaries.

    Raises:
        ModelError: a name that no network of this form has.
    """
    encoder: dict[str, T] = {}
    generator: dict[str, T] = {}
    for name, value in ema.items():
        network, _, rest = name.partition(".")
        target = {"E": encoder, "G": generator}.get(network)
        if target is None:
            raise ModelError(f"no weights of percast's: there is a tensor named '{name}'")
        target[_rename(rest, [(theirs, ours) for ours, theirs in _RULES[network]])] = value
    return encoder, generator


def to_prototype(encoder: Mapping[str, T], generator: Mapping[str, T]) -> dict[str, T]:
    """The inverse of `from_prototype`.

    Raises:
        ModelError: a name that our networks do not have.
    """
    flat = {f"E.{_rename(name, _RULES['E'])}": value for name, value in encoder.items()}
    flat |= {f"G.{_rename(name, _RULES['G'])}": value for name, value in generator.items()}
    return flat


def check_arguments(arguments: Mapping[str, object]) -> None:
    """Checks that the weights are of the one kind that our networks are, of any width and depth.

    Raises:
        ModelError: other latent channels, normalisation layers, or no linear path.
    """
    for key, wanted in {"zc": 96, "norm": 0, "lin": 1}.items():
        if arguments.get(key) != wanted:
            raise ModelError(
                f"the weights were trained with {key}={arguments.get(key)}, "
                f"and only {key}={wanted} is supported: train with that, or export it elsewhere"
            )


def _rename(name: str, rules: list[tuple[str, str]]) -> str:
    """Replaces the leading part of `name` by the first rule (old, new) that fits."""
    parts = name.split(".")
    for old, new in rules:
        pattern = old.split(".")
        head, tail = parts[: len(pattern)], parts[len(pattern) :]
        if len(tail) == 1 and all(map(_fits, pattern, head)):
            numbers = iter(part for part, key in zip(head, pattern, strict=True) if key == "#")
            return ".".join([next(numbers) if key == "#" else key for key in new.split(".")] + tail)
    raise ModelError(f"no such tensor in the networks: '{name}'")


def _fits(key: str, part: str) -> bool:
    return part.isdigit() if key == "#" else part == key
