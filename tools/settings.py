# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line arguments to checked settings and open objects, for the verbs that run a link."""

import argparse
import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from percast import home
from percast.blocks.images import parse_size
from percast.engines.codecs.contract import parse_cbr
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.manifest import load_model
from percast.errors import DeviceError, UsageError
from percast.settings import list_of

T = TypeVar("T")


@contextlib.contextmanager
def gnu_radio() -> Iterator[None]:
    """Imports inside, for graphs to run: a missing GNU Radio becomes one line.

    Raises:
        DeviceError: it cannot be loaded.
        FileError: there is nowhere for its settings.
    """
    home.settle_gnu_radio()
    try:
        yield
    except ImportError as error:
        raise DeviceError(f"GNU Radio cannot be loaded ({error}): run `percast doctor`") from error


def open_codec(args: argparse.Namespace, roles: Collection[str]) -> LearnedCodec:
    """The codec that the options describe, warmed up for `--size`.

    Args:
        args: of `add_code_options`, and `size`.
        roles: "encode", "decode" or both.

    Raises:
        UsageError, ModelError: see `LearnedCodec`.
    """
    sending = {}
    if "encode" in roles:
        sending = {"cbr": parse_cbr(args.cbr), "design_snr_db": args.design_snr}
    codec = LearnedCodec(
        load_model(args.model),
        realism=1.0 if args.realism is None else args.realism,
        engine=args.engine,
        precision=args.precision,
        threads=args.threads,
        roles=roles,
        **sending,
    )
    if args.size:
        width, height = parse_size(args.size)
        codec.warm_up(height, width)
    return codec


def parse_list(flag: str, text: str, parse: Callable[[str], T]) -> list[T]:
    """Comma-separated values, each once.

    Raises:
        UsageError: naming the flag.
    """
    try:
        return list(list_of(parse)(text))
    except UsageError as error:
        raise UsageError(f"{flag} {error}") from error


# flag, least, most, and what else is to be said; of `add_code_options`
_RANGES = (
    ("realism", 0, 1, "0 = faithful, 1 = lifelike"),
    ("design_snr", -30, 30, "dB"),
    ("threads", 1, 256, "per engine"),
)


def check_ranges(args: argparse.Namespace) -> None:
    """Numbers that argparse cannot check; flags that a verb does not have are passed over.

    Raises:
        UsageError: naming the flag.
    """
    for name, least, most, hint in _RANGES:
        value = getattr(args, name, None)
        if value is not None and not least <= value <= most:
            limits = f"{least:g} to {most:g}"
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: must be {limits} ({hint})")
