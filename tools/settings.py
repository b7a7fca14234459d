# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line arguments to checked settings and open objects, for the verbs that run a link."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from percast import home
from percast.blocks.images import parse_size
from percast.engines.codecs import registry
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import ROLES, Codec
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
        return list(list_of(parse)(text))
    except UsageError as error:
        raise UsageError(f"{flag} {error}") from error
