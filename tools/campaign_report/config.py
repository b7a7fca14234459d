# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of `percast campaign report`."""

from dataclasses import dataclass
from pathlib import Path

from percast.settings import Settings, setting
from percast.tools.statistics.bootstrap import RESAMPLES

GREY, ASIDE = LOST = ("grey", "aside")


@dataclass(frozen=True)
class ReportConfig(Settings):
    """What to report, and how.

    Args:
        out: the page; None writes it beside the store, see `page_beside`.
        against: store of an earlier campaign to compare with; of one that was decoded again, the
            decoding with the same settings, else of the same number.
        decode: 0 for what was decoded in the run, else the number of a `campaign remetric`.
        lost: how lost pictures count where codes are compared: as grey ones, or not at all.
        no_sets: leave out FID and KID.
        most_megabytes: of the page's pictures, before fewer are shown.
        resamples, seed: of the bootstrap.
        threads: for metrics of grey pictures, FID and KID.
    """

    group = "report"

    out: Path | None = setting(
        None, "--out",
        "the page (default: beside the store, STORE.html, STORE-decode1.html, "
        "STORE-against-OTHER.html)",
        metavar="FILE.html", parse=Path,
    )  # fmt: skip
    against: Path | None = setting(
        None, "--against", "an earlier campaign to compare with", metavar="OTHER.sqlite", parse=Path
    )
    decode: int = setting(
        0, "--decode", "what a `campaign remetric` decoded, by its number (default: the run "
        "itself)",
        metavar="N", parse=int, least=0, whole=True,
    )  # fmt: skip
    lost: str = setting(
        GREY, "--lost",
        "how lost pictures count where codes are compared: grey (default), or aside, which leaves "
        "out every point that lost any",
        choices=LOST, parse=str, metavar="|".join(LOST),
    )  # fmt: skip
    no_sets: bool = setting(False, "--no-sets", "without FID and KID, which take minutes")
    most_megabytes: float = setting(
        24.0, "--most-megabytes", "of pictures in the page (default %(default)s)",
        metavar="MB", least=0, most=1000, unit="MB",
    )  # fmt: skip
    resamples: int = setting(
        RESAMPLES, "--resamples", "of the bootstrap (default %(default)s)",
        metavar="N", parse=int, least=200, most=100_000, whole=True,
    )  # fmt: skip
    seed: int = setting(
        0, "--seed", "of the bootstrap (default %(default)s)",
        metavar="N", parse=int, least=0, most=2**31, whole=True,
    )  # fmt: skip
    threads: int = setting(
        2, "--threads", "for metrics (default %(default)s)",
        metavar="N", parse=int, least=1, most=256, whole=True,
    )  # fmt: skip

    def page_beside(self, store: Path) -> Path:
        """Where the page of a store goes: one of another decoding, or beside another campaign, has
        a name of its own, for the run's page is to stay."""
        decoded = f"-decode{self.decode}" if self.decode else ""
        beside = f"-against-{self.against.stem}" if self.against else ""
        return self.out or store.with_name(f"{store.stem}{decoded}{beside}.html")

    @property
    def sets(self) -> bool:
        """Whether FID and KID are wanted."""
        return not self.no_sets
