# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the research prototype's checkpoints, and ours: a renaming both ways.

A prototype checkpoint (`torch.load` of its `latest.pt`) holds `ema`: one flat dictionary with
`E.` before the encoder's tensors and `G.` before the generator's; and `args`, its trainer's
options. Values are passed through untouched, so this module needs no torch.
"""

from collections.abc import Mapping
from typing import TypeVar

from percast.errors import ModelError

T = TypeVar("T")

LEVELLED = "levelled"
"""In a checkpoint of ours: its networks take latents at their own level. The prototype's take them
at unit power."""
_NOT_THE_PROTOTYPES = "rates"  # what ours have always held


def is_levelled(checkpoint: Mapping[str, object]) -> bool:
    """Whether a checkpoint is one of ours; else it is the prototype's.

    Raises:
        ModelError: it is of an earlier version of ours.
    """
    if LEVELLED not in checkpoint and _NOT_THE_PROTOTYPES in checkpoint:
        raise ModelError(
            "the checkpoint is of an earlier version of percast, whose receiver scaled latents "
            "otherwise: export it with that version, or train anew"
        )
    return LEVELLED in checkpoint


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
    """Splits a prototype's flat dictionary into (encoder, generator) state dictionaries.

    Raises:
        ModelError: a name that the prototype's networks do not have.
    """
    encoder: dict[str, T] = {}
    generator: dict[str, T] = {}
    for name, value in ema.items():
        network, _, rest = name.partition(".")
        target = {"E": encoder, "G": generator}.get(network)
        if target is None:
            raise ModelError(f"not a prototype checkpoint: it holds a tensor named '{name}'")
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
    """Checks that a prototype checkpoint is of the one shape that our networks have.

    Raises:
        ModelError: other widths or latent channels, normalisation layers, or no linear path.
    """
    for key, wanted in {"zc": 96, "wid": 1.0, "norm": 0, "lin": 1}.items():
        if arguments.get(key) != wanted:
            raise ModelError(
                f"the checkpoint was trained with {key}={arguments.get(key)}, "
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
