# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of `percast engine build|verify|bench`."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from percast.blocks.images import parse_size
from percast.engines.codecs.config import DEFAULT_THREADS, parse_cbr
from percast.engines.evaluation.verify import SNRS_DB, Candidate, all_candidates
from percast.engines.runtimes.engine import ENGINES, PRECISIONS
from percast.errors import UsageError
from percast.quantity import quantity
from percast.settings import SettingError, Settings, list_of, setting

Side = tuple[int, int]
"""(height, width) in pixels."""


def _height_width(text: str) -> Side:
    width, height = parse_size(text)
    return height, width


def _batch(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise UsageError("give whole numbers of at least 1")
    return int(text)


@dataclass(frozen=True)
class NetworksConfig(Settings):
    """Which networks, and what computes them.

    Args:
        model: shipped model or a folder.
        threads: per CPU engine.
    """

    group = "networks"

    model: str = setting("base", "--model", "shipped model or a folder", metavar="NAME", parse=str)
    threads: int = setting(
        DEFAULT_THREADS, "--threads", "threads per CPU engine (default here %(default)s)",
        metavar="N", parse=int, least=1, most=256, whole=True,
    )  # fmt: skip


@dataclass(frozen=True)
class BuildConfig(NetworksConfig):
    """What to compile, and for what.

    Args:
        engine, precision: runtime and numbers.
        target: compute capabilities to build for without their GPU, such as "sm86,sm89".
        size: tune for exactly these sizes too, (height, width).
        pictures: int8: photographs to calibrate on; None = those that scikit-image carries.
        portable: TensorRT: for any GPU from Ampere on and later versions, at some speed.
    """

    group = "build"

    engine: str = setting(
        "tensorrt", "--engine", f"one of {', '.join(ENGINES)} (default %(default)s)",
        metavar="NAME", parse=str, choices=ENGINES,
    )  # fmt: skip
    precision: str = setting(
        "auto", "--precision", f"one of {', '.join(PRECISIONS)} (default %(default)s)",
        metavar="NAME", parse=str, choices=PRECISIONS,
    )  # fmt: skip
    target: str | None = setting(
        None, "--target",
        "compute capabilities to build for without their GPU, such as sm86,sm89; any: one plan for "
        "all that TensorRT-RTX knows from sm80 on, and later ones, but not for Hopper (sm90), "
        "which needs TensorRT (TensorRT-RTX; default: the GPU here)",
        metavar="LIST", parse=str,
    )  # fmt: skip
    size: tuple[Side, ...] = setting(
        (), "--size",
        "tune for exactly this size too; may be given several times; replaces the engine that was "
        "tuned for others",
        metavar="WxH", parse=_height_width, several=True,
    )  # fmt: skip
    pictures: str | None = setting(
        None, "--pictures",
        "int8: photographs to calibrate on (default: those that scikit-image carries)",
        metavar="DIR", parse=str,
    )  # fmt: skip
    portable: bool = setting(
        False, "--portable",
        "TensorRT: for any GPU from Ampere on and later versions, at some speed",
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        int8, tensorrt = self.precision == "int8", self.engine == "tensorrt"
        if self.pictures and not int8:
            yield SettingError("pictures", "is for precision int8")
        if self.size and int8:
            yield SettingError("size", "does not go with int8 networks, which take any size")
        for name in ("target", "portable"):
            if getattr(self, name) and not tensorrt:
                yield SettingError(name, "is for engine tensorrt")
        if self.target and self.portable:
            yield SettingError("portable", "does not go with a target")
        if int8 and self.engine not in ("tensorrt", "openvino"):
            yield SettingError("precision", "int8 is for engine openvino")


@dataclass(frozen=True)
class CandidatesConfig(NetworksConfig):
    """Which engines to look at; None for all.

    Args:
        engine, precision: only this one.
    """

    group = "candidates"

    engine: str | None = setting(
        None, "--engine", f"only this one of {', '.join(ENGINES)}",
        metavar="NAME", parse=str, choices=ENGINES,
    )  # fmt: skip
    precision: str | None = setting(
        None, "--precision", f"only this one of {', '.join(PRECISIONS[1:])}",
        metavar="NAME", parse=str, choices=PRECISIONS[1:],
    )  # fmt: skip

    def candidates(self) -> list[Candidate]:
        return [
            candidate
            for candidate in all_candidates()
            if self.engine in (None, candidate.engine)
            and self.precision in (None, candidate.precision)
        ]


@dataclass(frozen=True)
class VerifyConfig(CandidatesConfig):
    """Where to compare them.

    Args:
        cbr: rates; none = all of the model.
        snr: dB.
    """

    cbr: tuple[Fraction, ...] = setting(
        (), "--cbr", "rates (default: all of the model)", metavar="LIST", parse=list_of(parse_cbr)
    )
    snr: tuple[float, ...] = setting(
        SNRS_DB, "--snr", f"SNRs in dB (default {','.join(f'{snr:g}' for snr in SNRS_DB)})",
        metavar="LIST", parse=list_of(quantity),
    )  # fmt: skip

    @property
    def usual(self) -> bool:
        """At all the rates and SNRs that count for what is remembered."""
        return not self.cbr and self.snr == SNRS_DB


@dataclass(frozen=True)
class BenchConfig(CandidatesConfig):
    """What to time.

    Args:
        model: one or several, by comma.
        size: (height, width) of pictures.
        batch: pictures at once.
        runs: of each.
    """

    model: str = setting(
        "base", "--model", "shipped models or folders, compared with each other: base,mse",
        metavar="NAME,...", parse=str,
    )  # fmt: skip

    size: tuple[Side, ...] = setting(
        ((256, 256), (512, 768)), "--size", "WxH,... (default 256x256,768x512)",
        metavar="LIST", parse=list_of(_height_width),
    )  # fmt: skip
    batch: tuple[int, ...] = setting(
        (1,), "--batch", "pictures at once (default 1)", metavar="LIST", parse=list_of(_batch)
    )
    runs: int = setting(
        30, "--runs", "runs of each (default %(default)s)",
        metavar="N", parse=int, least=1, whole=True, unit="runs",
    )  # fmt: skip
