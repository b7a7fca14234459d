# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pictures come from, where they go, and what they are compared with."""

from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.images.base import PictureSink, PictureSource
from percast.blocks.images.picture import Size, parse_size
from percast.blocks.images.sinks import open_sink
from percast.blocks.images.sources import open_source
from percast.blocks.stats.scoring import METRICS, Scorer
from percast.errors import UsageError
from percast.settings import REQUIRED, SettingError, Settings, setting

_KEYS = "only clients with keys may connect, from other machines too (see `percast keys`)"
_INSECURE = "let zmq listen beyond this machine without keys"


def parse_metrics(text: str) -> tuple[str, ...]:
    """The names in a list such as "psnr,lpips"; "none" has none.

    Raises:
        UsageError: unknown name.
    """
    if text == "none":
        return ()
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in names if name not in METRICS]:
        raise UsageError(f"{unknown[0]} is unknown; there are {', '.join(METRICS)}, none")
    return names


@dataclass(frozen=True)
class SourceConfig(Settings):
    """Parameters of an image source.

    Args:
        source: PATH of a folder or a picture, video:PATH, camera:N, or zmq:tcp://HOST:PORT.
        frames: pictures to hand over; 0 = for ever; None = once through, for ever if live.
        size: "WxH" in pixels to fit each picture to; None or empty keeps their own sizes.
        zmq_keys: folder of CURVE keys for zmq.
        insecure: allow a zmq address that other machines can reach without keys.
    """

    group = "images"

    source: str = setting(
        REQUIRED, "--source", "folder or file, video:PATH, camera:N, zmq:tcp://HOST:PORT",
        metavar="SPEC", parse=str,
    )  # fmt: skip
    frames: int | None = setting(
        None, "--frames", "pictures to send, going round; 0 = for ever (radios: the default)",
        metavar="N", parse=int, least=0, whole=True, unit="pictures (0 = for ever)",
    )  # fmt: skip
    size: str | None = setting(
        None, "--size", "crop to this shape and resize", metavar="WxH", parse=str
    )
    zmq_keys: str | None = setting(None, "--zmq-keys", _KEYS, metavar="DIR", parse=str)
    insecure: bool = setting(False, "--insecure", _INSECURE)

    def check(self) -> Iterator[SettingError]:
        yield from _size_problems(self.size)

    @property
    def shape(self) -> Size | None:
        """(width, height) in pixels that pictures are fitted to."""
        return parse_size(self.size) if self.size else None

    def open(self) -> PictureSource:
        """See `open_source`."""
        return open_source(self.source, self.shape, self.frames, self.insecure, self.zmq_keys)


@dataclass(frozen=True)
class SinkConfig(Settings):
    """What becomes of received pictures.

    Args:
        out: a folder, zmq:tcp://HOST:PORT, or None to keep nothing.
        frames: stop after so many; None or 0 = never.
        reference: the sender's pictures in the sender's order, as `open_source` takes them.
        size: "WxH" in pixels, the sender's, which the reference is fitted to.
        metrics: figures to compute, of `percast.blocks.stats.scoring.METRICS`.
        zmq_keys: folder of CURVE keys for zmq.
        insecure: allow a zmq address that other machines can reach without keys.
    """

    group = "received images"

    out: str | None = setting(
        None, "--out", "folder for results, or zmq:tcp://HOST:PORT", metavar="DIR", parse=str
    )
    frames: int | None = setting(
        None, "--frames", "stop after so many pictures",
        metavar="N", parse=int, least=0, whole=True, unit="pictures (0 = for ever)",
    )  # fmt: skip
    reference: str | None = setting(
        None, "--reference", "the sender's pictures in the sender's order, for PSNR and LPIPS",
        metavar="DIR", parse=str,
    )  # fmt: skip
    size: str | None = setting(
        None, "--size", "the sender's --size: to be ready for it, and for --reference",
        metavar="WxH", parse=str,
    )  # fmt: skip
    metrics: tuple[str, ...] = setting(
        METRICS, "--metrics", f"figures to compute, or none (default {','.join(METRICS)})",
        metavar="LIST", parse=parse_metrics,
    )  # fmt: skip
    zmq_keys: str | None = setting(None, "--zmq-keys", _KEYS, metavar="DIR", parse=str)
    insecure: bool = setting(False, "--insecure", _INSECURE)

    def check(self) -> Iterator[SettingError]:
        yield from _size_problems(self.size)

    def open(self) -> PictureSink:
        """See `open_sink`."""
        return open_sink(self.out, self.insecure, self.zmq_keys)

    def scorer(self) -> Scorer:
        """Compares with the reference; without one nothing can be compared.

        Raises:
            PercastError: see `open_source`.
        """
        if not self.reference:
            return Scorer(())
        scorer = Scorer(self.metrics)
        size = parse_size(self.size) if self.size else None
        with open_source(self.reference, size) as pictures:
            scorer.compare_with([(picture.name, picture.rgb) for picture in pictures])
        return scorer


def _size_problems(size: str | None) -> Iterator[SettingError]:
    try:
        if size:
            parse_size(size)
    except UsageError as error:
        yield SettingError("size", str(error))
