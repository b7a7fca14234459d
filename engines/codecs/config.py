# SPDX-License-Identifier: GPL-3.0-or-later
"""Which codec, and what is asked of it."""

import argparse
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from percast.errors import UsageError
from percast.settings import SettingError, Settings, like, setting

AUTO = "auto"
"""In place of a model's name."""

# Encoder and generator each get all cores up to four: their turns fill each other's gaps, and a
# picture is through sooner than with half the cores each.
DEFAULT_THREADS = min(4, len(os.sched_getaffinity(0)))

_MOST_CBR = 0xFF, 0xFFFF  # numerator and denominator: their places in the packet's header


def parse_cbr(text: str) -> Fraction:
    """A channel bandwidth ratio from the command line: "1/48", or a decimal number.

    Raises:
        UsageError: not a number above 0, or one that has no place in a packet's header.
    """
    # Fraction takes 1e999999999 too, and then computes with it for a very long time.
    sane = re.fullmatch(r"\d{1,6}(/\d{1,6}|\.\d{1,9})?", text.strip())
    try:
        cbr = Fraction(text) if sane else Fraction(0)
    except ZeroDivisionError:
        cbr = Fraction(0)
    if cbr <= 0 or cbr.numerator > _MOST_CBR[0] or cbr.denominator > _MOST_CBR[1]:
        raise UsageError(f"'{text}' is no channel bandwidth ratio: give one like 1/48")
    return cbr


def parse_options(text: str) -> tuple[tuple[str, str], ...]:
    """What a codec's own options are set to, from "key=value,key=value".

    Raises:
        ArgumentTypeError: something else.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for key, equals, _ in pairs:
        if not (key.strip() and equals):
            raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE,KEY=VALUE")
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


@dataclass(frozen=True)
class CodecConfig(Settings):
    """What `percast.engines.codecs.registry.open_codec` opens.

    Args:
        codec: name of a codec; see the registry.
        options: of the codec's own, as pairs of names and texts.
        model: name of a shipped model, a folder, or "auto", see `percast.engines.codecs.sizes`;
            what a codec of one's own makes of it is its own affair.
        cbr: nominal channel bandwidth ratio to send, complex channel symbols per source sample;
            receivers follow the header.
        design_snr_db: SNR to encode for.
        mcs: modulation and coding scheme of a digital codec, "auto", "rayleigh" or its index.
        conceal: what a digital codec shows in place of a picture that it cannot decode.
        realism: 0 (faithful) to 1 (realistic); None is 1 for a sender, and at a receiver what the
            sender wished.
        engine, precision, threads: see `percast.engines.runtimes.choose.open_engine`.
    """

    group = "code"

    codec: str = setting(
        "learned", "--codec", "learned, hevc-ldpc, vvc-ldpc, jpeg-ldpc, webp-ldpc, an installed "
        "one, or your own class as "
        "package.module:Class (default %(default)s)", metavar="NAME", parse=str,
    )  # fmt: skip
    options: tuple[tuple[str, str], ...] = setting(
        (), "--codec-option", "options of the codec's own", metavar="KEY=VALUE,...",
        parse=parse_options,
    )  # fmt: skip
    model: str = setting(
        "base", "--model", "shipped model or a folder; auto: the largest of lite, base and large "
        "that this machine runs fast enough for --fps (or 10) and --size; receivers use the model "
        "that the header names, where they have it (default %(default)s)",
        metavar="NAME", parse=str,
    )  # fmt: skip
    cbr: Fraction = setting(
        Fraction(1, 48), "--cbr", "channel bandwidth ratio: all complex symbols over all source "
        "samples, 3 per pixel (default %(default)s)",
        metavar="R", parse=parse_cbr,
    )  # fmt: skip
    design_snr_db: float = setting(
        10.0, "--design-snr", "SNR to encode for (default %(default)g)",
        metavar="DB", least=-30, most=30, unit="dB",
    )  # fmt: skip
    mcs: str = setting(
        "auto", "--mcs", "modulation and coding scheme of a digital codec, 0 to 27 of TS 38.214, "
        "table 5.1.3.1-2; auto takes the fastest for AWGN of --design-snr, rayleigh for symbols "
        "that fade one by one (default %(default)s)",
        metavar="N", parse=str,
    )  # fmt: skip
    conceal: str = setting(
        "none", "--conceal", "in place of a picture that a digital codec cannot decode: none, the "
        "last one, or grey (default %(default)s)", metavar="HOW", parse=str,
        choices=("none", "last", "grey"),
    )  # fmt: skip
    realism: float | None = setting(
        None, "--realism", "0: faithful, 1: lifelike (default 1)",
        metavar="0..1", least=0, most=1, unit="(0 = faithful, 1 = lifelike)",
    )  # fmt: skip
    engine: str = setting(
        "auto", "--engine", "tensorrt, openvino, onnxruntime or torch (default %(default)s)",
        metavar="NAME", parse=str,
    )  # fmt: skip
    precision: str = setting(
        "auto", "--precision", "fp32, bf16, fp16 or int8 (default %(default)s)",
        metavar="NAME", parse=str,
    )  # fmt: skip
    threads: int = setting(
        DEFAULT_THREADS, "--threads", "threads per engine (default here %(default)s)",
        metavar="N", parse=int, least=1, most=256, whole=True, unit="per engine",
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        yield from super().check()
        try:
            parse_cbr(str(self.cbr))
        except UsageError as error:
            yield SettingError("cbr", f"cannot be: {error}")

    def __post_init__(self) -> None:
        super().__post_init__()
        # A number in a TOML table, such as 0.0625.
        object.__setattr__(self, "cbr", parse_cbr(str(self.cbr)))


DEFAULTS = CodecConfig()


@dataclass(frozen=True)
class ReceiverCodecConfig(CodecConfig):
    """The same at a receiver, where two settings mean something else."""

    model: str = like(
        CodecConfig, "model", CodecConfig.model,
        "shipped model or a folder that pictures are expected from; one that a header names is "
        "used where it is here; auto: the largest of lite, base and large that this machine runs "
        "fast enough for 10 pictures/s of --size or 256x256 (default %(default)s)",
    )  # fmt: skip
    realism: float | None = like(
        CodecConfig, "realism", None, "0: faithful, 1: lifelike (default: what the sender wished)"
    )


def check_not_digital(codec: str, config: CodecConfig) -> None:
    """Refuse what would change nothing, for a codec that is not digital.

    Args:
        codec: its name.

    Raises:
        UsageError: a setting that only digital codecs heed.
    """
    for name, why in (
        ("mcs", "has no modulation and coding schemes"),
        ("conceal", "has nothing to conceal, it makes a picture of whatever arrives"),
    ):
        if getattr(config, name) != getattr(DEFAULTS, name):
            raise UsageError(f"codec '{codec}' {why}: --{name} is for digital ones, as hevc-ldpc")
