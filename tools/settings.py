# SPDX-License-Identifier: GPL-3.0-or-later
"""Command-line arguments to checked settings and open objects, for the verbs that run a link."""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from percast import home
from percast.blocks.images import parse_size
from percast.blocks.recordings.reader import DATA, SUFFIXES
from percast.blocks.waveform import kernels
from percast.engines.codecs import registry, sizes
from percast.engines.codecs.config import AUTO, CodecConfig
from percast.engines.codecs.contract import ROLES, Codec
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.manifest import model_files
from percast.errors import DeviceError, UsageError
from percast.settings import list_of
from percast.tools.report import say

T = TypeVar("T")


@contextlib.contextmanager
def gnu_radio() -> Iterator[None]:
    """Imports inside, for graphs to run: a missing GNU Radio becomes one line. Meanwhile the
    waveform's kernels get ready, beside what else there is to open; whoever needs them waits.

    Raises:
        DeviceError: it cannot be loaded.
        FileError: there is nowhere for its settings.
    """
    home.settle_gnu_radio()
    try:
        yield
    except ImportError as error:
        raise DeviceError(f"GNU Radio cannot be loaded ({error}): run `percast doctor`") from error
    threading.Thread(target=kernels.warm_up, name="percast kernels", daemon=True).start()


def open_codec(
    config: CodecConfig,
    size: str | None,
    roles: Collection[str] = ROLES,
    fps: float | None = None,
) -> Codec:
    """The codec that the options describe, warmed up for `--size`; of `--model auto` it is said
    which was taken and why.

    Args:
        config: of the options.
        size: of the pictures, as typed; None where it is not known.
        roles: "encode", "decode" or both.
        fps: pictures per second that are asked for; None where none are.

    Raises:
        UsageError, ModelError: see `percast.engines.codecs.registry.open_codec`.
    """
    if (config.codec, config.model) == (LearnedCodec.name, AUTO):
        width, height = parse_size(size) if size else reversed(sizes.SIZE)
        model, why = sizes.choose(config, (height, width), fps or sizes.FPS, roles)
        say(why)
        config = replace(config, model=model)
    codec = registry.open_codec(config.codec, config, roles)
    if size:
        width, height = parse_size(size)
        try:
            codec.warm_up(height, width)
        except BaseException:
            codec.close()
            raise
    return codec


def files_read(pictures: str | None, code: CodecConfig) -> list[Path]:
    """The files that a link reads, over which it must not record: pictures and the model.

    Args:
        pictures: as `--source` and `--reference` name them. Recordings may lie beside them.
        code: of the link.
    """
    files = model_files(code.model)
    if pictures:
        path = Path(pictures.removeprefix("video:"))
        if not path.is_dir():
            return [*files, path]
        with contextlib.suppress(OSError):  # whoever is to read the folder will say so
            files += [f for f in path.iterdir() if not f.name.endswith((*SUFFIXES, DATA))]
    return files


def parse_list(flag: str, text: str, parse: Callable[[str], T]) -> list[T]:
    """Comma-separated values, each once.

    Raises:
        UsageError: naming the flag.
    """
    try:
        return list(list_of(parse)(text))
    except UsageError as error:
        raise UsageError(f"{flag} {error}") from error
