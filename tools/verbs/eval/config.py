# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of `percast eval`: the pictures, the points, the codec, and the weights to fetch."""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from percast.blocks.channel import ChannelConfig
from percast.blocks.images import PictureSource
from percast.blocks.images.config import SourceConfig
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.evaluation.evaluate import METRICS
from percast.engines.metrics import NEEDED, perceptual_cache
from percast.quantity import quantity
from percast.settings import Settings, like, list_of, setting

_METRICS = ("psnr", "ms-ssim", "lpips")


@dataclass(frozen=True)
class EvalImages(SourceConfig):
    """Pictures to evaluate.

    Args:
        frames: only the first so many.
        out: folder for tables and plots.
    """

    frames: int | None = setting(
        None, "--frames", "only the first N pictures",
        metavar="N", parse=int, least=1, whole=True, unit="pictures",
    )  # fmt: skip
    out: Path | None = setting(
        None, "--out", "folder for tables and plots", metavar="DIR", parse=Path
    )

    def open(self) -> PictureSource:
        """All of them, once."""
        return replace(self, frames=None).open() if self.frames else super().open()


@dataclass(frozen=True)
class PointsConfig(Settings):
    """Where to score, and by what.

    Args:
        cbrs, snrs_db, realisms: every combination of these is a point.
        design_snr_db: to encode for; None encodes for the channel's own SNR, as far as the codec
            can.
        metrics: names of `percast.engines.evaluation.evaluate.METRICS`.
    """

    group = "conditions (every combination of the lists)"

    cbrs: tuple[Fraction, ...] = setting(
        (CodecConfig.cbr,), "--cbr", f"channel bandwidth ratios (default {CodecConfig.cbr})",
        metavar="LIST", parse=list_of(parse_cbr),
    )  # fmt: skip
    snrs_db: tuple[float, ...] = like(
        ChannelConfig, "snr_db", (10.0,), "dB (default 10)", metavar="LIST",
        parse=list_of(quantity), unit="dB",
    )  # fmt: skip
    realisms: tuple[float, ...] = like(
        CodecConfig, "realism", (1.0,), "0..1 (default 1)", metavar="LIST", parse=list_of(quantity)
    )
    design_snr_db: float | None = like(
        CodecConfig, "design_snr_db", None,
        "SNR to encode for (default: the channel's, as far as the model was trained for it)",
    )  # fmt: skip
    metrics: tuple[str, ...] = setting(
        _METRICS, "--metrics", f"of {','.join(METRICS)} (default {','.join(_METRICS)})",
        metavar="LIST", parse=list_of(str.strip), choices=tuple(METRICS),
    )  # fmt: skip


@dataclass(frozen=True)
class EvalCodecConfig(CodecConfig):
    """The codec to evaluate: pictures are not paced here."""

    model: str = like(
        CodecConfig, "model", CodecConfig.model,
        "shipped model or a folder; auto: the largest of lite, base and large that this machine "
        "runs fast enough for 10 pictures/s of 256x256 (default %(default)s)",
    )  # fmt: skip


@dataclass(frozen=True)
class FetchConfig(Settings):
    """Weights that metrics need.

    Args:
        metrics: of which.
        all_metrics: those of all instead.
        dest: folder; None is $PERCAST_PERCEPTUAL or else the cache.
    """

    group = "weights"

    metrics: tuple[str, ...] = setting(
        ("lpips",), "--metrics", f"of {','.join(NEEDED)} (default lpips)",
        metavar="LIST", parse=list_of(str.strip), choices=tuple(NEEDED),
    )  # fmt: skip
    all_metrics: bool = setting(False, "--all", "for all metrics")
    dest: Path | None = setting(
        None, "--dest", "folder in place of the cache", metavar="DIR", parse=Path
    )

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(NEEDED) if self.all_metrics else self.metrics

    @property
    def folder(self) -> Path:
        return self.dest or Path(os.environ.get("PERCAST_PERCEPTUAL") or perceptual_cache())
