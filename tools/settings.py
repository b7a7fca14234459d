# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line arguments to checked settings and open objects, for the verbs that run a link."""

import argparse
import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from percast.blocks.images import parse_size
from percast.blocks.stats.scoring import METRICS
from percast.engines.codecs import registry
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import ROLES, Codec
from percast.errors import DeviceError, UsageError

T = TypeVar("T")


@contextlib.contextmanager
def gnu_radio() -> Iterator[None]:
    """Imports inside: a missing GNU Radio becomes one line.

    Raises:
        DeviceError: it cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        raise DeviceError(f"GNU Radio cannot be loaded ({error}): run `percast doctor`") from error


def transmitter_config(args: argparse.Namespace, session: int | None = None):
    """The `TransmitterConfig` that the options describe.

    Raises:
        DeviceError: GNU Radio cannot be loaded.
    """
    with gnu_radio():
        from percast.flowgraphs.transmitter import TransmitterConfig
    return TransmitterConfig(
        fps=args.fps,
        tx_level=args.tx_level,
        papr_db=args.papr or None,
        callsign=args.callsign,
        session=session,
    )


def open_codec(config: CodecConfig, size: str | None, roles: Collection[str] = ROLES) -> Codec:
    """The codec that the options describe, warmed up for `--size`.

    Args:
        config: of the options.
        size: of the pictures, as typed; None where it is not known.
        roles: "encode", "decode" or both.

    Raises:
        UsageError, ModelError: see `percast.engines.codecs.registry.open_codec`.
    """
    codec = registry.open_codec(config.codec, config, roles)
    if size:
        width, height = parse_size(size)
        try:
            codec.warm_up(height, width)
        except BaseException:
            codec.close()
            raise
    return codec


def parse_list(flag: str, text: str, parse: Callable[[str], T]) -> list[T]:
    """Comma-separated values, each once.

    Raises:
        UsageError: naming the flag.
    """
    try:
        return list(dict.fromkeys(parse(part) for part in text.split(",")))
    except (argparse.ArgumentTypeError, UsageError) as error:
        raise UsageError(f"{flag} {text}: {error}") from error


def parse_metrics(text: str) -> tuple[str, ...]:
    """The names in a list such as "psnr,lpips"; "none" has none.

    Raises:
        UsageError: unknown name.
    """
    if text == "none":
        return ()
    names = tuple(part.strip() for part in text.split(","))
    if unknown := [n for n in names if n not in METRICS]:
        raise UsageError(f"--metrics {unknown[0]}: unknown; there are {', '.join(METRICS)}, none")
    return names


# flag, least, most, and what else is to be said
_RANGES = (
    ("frames", 0, None, "0 = for ever"),
    ("fps", 1e-3, 1000, "pictures per second"),
    ("tx_level", -60, 0, "dBFS"),
)


def check_ranges(args: argparse.Namespace) -> None:
    """Numbers that argparse cannot check; flags that a verb does not have are passed over.

    Raises:
        UsageError: naming the flag.
    """
    for name, least, most, hint in _RANGES:
        value = getattr(args, name, None)
        if value is not None and not (least <= value and (most is None or value <= most)):
            limits = f"from {least:g} on" if most is None else f"{least:g} to {most:g}"
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: must be {limits} ({hint})")
    papr, callsign = getattr(args, "papr", None), getattr(args, "callsign", "")
    if papr and not 3 <= papr <= 20:
        raise UsageError(f"--papr {papr:g}: must be 0 (none) or lie between 3 and 20 dB")
    if not (callsign.isascii() and len(callsign) <= 10):
        raise UsageError(f"--callsign {callsign}: at most 10 ASCII characters")
