# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the analysis, and of simulated observers."""

from dataclasses import dataclass
from pathlib import Path

from percast.settings import Settings, setting

RESAMPLES = 1000
METRICS = ("lpips", "lpips-vgg", "dists", "psnr")
"""By which simulated observers can answer."""


@dataclass(frozen=True)
class AnalyseConfig(Settings):
    """What is computed, and where it goes.

    Args:
        simulated: of simulated observers.
        out: folder; None is one within the study.
        resamples: of each bootstrap.
        power: simulate how many observers and pictures it takes.
        width: interval that `power` shall reach, a share of the bandwidth.
    """

    group = "analysis"

    simulated: bool = setting(False, "--simulated", "the answers of simulated observers")
    out: Path | None = setting(
        None, "--out", "folder for the report (default: STUDY/report)", metavar="DIR", parse=Path
    )
    resamples: int = setting(
        RESAMPLES, "--resamples", "of each bootstrap (default %(default)s)",
        metavar="N", parse=int, least=100, most=100_000, whole=True,
    )  # fmt: skip
    power: bool = setting(
        False, "--power", "simulate how many observers and pictures an interval needs"
    )
    width: float = setting(
        0.2, "--width", "interval that --power shall reach, as a share of bandwidth, or of answers "
        "where no bandwidths are compared (default %(default)s)",
        metavar="SHARE", least=0.001, most=10,
    )  # fmt: skip


@dataclass(frozen=True)
class SimulateConfig(Settings):
    """Simulated observers.

    Args:
        metric: by which they answer.
        observers: how many.
        noise: scale, in medians of the differences between the pictures of a pair.
        variety: how much they differ: deviation of the noise's logarithm.
        lapses: share of trials that are answered at random.
        equal: difference, in the same unit, below which they say "equal" where the study has it.
        always_left: so many more who press left whatever there is.
        seed: of all that is random here.
    """

    group = "simulated observers"

    metric: str = setting(
        "dists", "--metric", f"{', '.join(METRICS)} (default %(default)s)",
        parse=str, choices=METRICS,
    )  # fmt: skip
    observers: int = setting(
        20, "--observers", "how many (default %(default)s)",
        metavar="N", parse=int, least=1, most=10_000, whole=True,
    )  # fmt: skip
    noise: float = setting(
        0.5, "--noise", "of their answers, in medians of the difference of a pair "
        "(default %(default)s)", metavar="X", least=0.01, most=100,
    )  # fmt: skip
    variety: float = setting(
        0.3, "--variety", "deviation of the noise's logarithm between them (default %(default)s)",
        metavar="X", least=0, most=3,
    )  # fmt: skip
    lapses: float = setting(
        0.02, "--lapses", "share of answers at random (default %(default)s)",
        metavar="SHARE", least=0, most=1,
    )  # fmt: skip
    equal: float = setting(
        0.25, "--equal-within", "difference, in the same unit, that they call equal where a study "
        "has that answer (default %(default)s)", metavar="X", least=0, most=100,
    )  # fmt: skip
    always_left: int = setting(
        0, "--always-left", "so many more who always press left (default %(default)s)",
        metavar="N", parse=int, least=0, most=10_000, whole=True,
    )  # fmt: skip
    seed: int = setting(
        0, "--seed", "of the simulation (default %(default)s)",
        metavar="N", parse=int, least=0, most=2**63 - 1, whole=True,
    )  # fmt: skip

    def in_words(self) -> str:
        """For the banner of a report."""
        left = f", {self.always_left} who always press left" * bool(self.always_left)
        return f"{self.observers} observers who answer by {self.metric.upper()} with noise{left}"
