# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores a codec on pictures over channel bandwidth ratio x SNR x realism.

Each picture is encoded once for a rate and a design SNR, sent once for each SNR, and the symbols
that arrived are decoded at every realism.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from statistics import fmean
from typing import NamedTuple, Self, TypeVar

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import CodecFault, Picture
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation import measure
from percast.engines.evaluation.measure import (
    Arrival,
    Channel,
    Metric,
    Outcome,
    Sent,
    open_metrics,
)
from percast.engines.metrics.fid import FeatureStatistics, InceptionFeatures, frechet_distance

__all__ = ["METRICS", "Arrival", "Channel", "Evaluation", "Metric", "Point", "Row", "open_metrics"]

METRICS = {**measure.METRICS, "fid": "fid"}
"""What the command line calls them -> what the results do."""

_T = TypeVar("_T")


class Point(NamedTuple):
    """One condition."""

    cbr: Fraction
    snr_db: float
    realism: float


@dataclass(frozen=True)
class Row:
    """One picture at one point. Figures that cannot be had are None.

    Attributes:
        picture: its name.
        width, height: pixels.
        point: asked for.
        cbr: complex symbols really sent per source sample; None where none were.
        design_snr_db: SNR that it was encoded for.
        received: False where nothing arrived.
        undecodable: True where too little arrived for the codec, or it made a mistake.
        figures: by the names of `METRICS`' values, without FID.
        encode_ms, decode_ms: wall time of each; None where it was not done, or failed.
        link: see `Arrival`.
        unencodable: True where the picture does not fit, or the codec made a mistake.
        fault: what was wrong, where the codec is to blame; see `CodecFault`.
    """

    picture: str
    width: int
    height: int
    point: Point
    cbr: float | None
    design_snr_db: float
    received: bool
    undecodable: bool
    figures: Mapping[str, float | None]
    encode_ms: float | None
    decode_ms: float | None
    link: Mapping[str, float] = field(default_factory=dict)
    unencodable: bool = False
    fault: str | None = None

    @property
    def decoded(self) -> bool:
        """Whether a picture came out."""
        return self.received and not self.undecodable

    def flat(self) -> dict[str, object]:
        """As one line of a table."""
        return {
            "picture": self.picture,
            "width": self.width,
            "height": self.height,
            "cbr_asked": str(self.point.cbr),
            "cbr": self.cbr,
            "snr_db": self.point.snr_db,
            "realism": self.point.realism,
            "design_snr_db": self.design_snr_db,
            "received": int(self.received),
            "undecodable": int(self.undecodable),
            **self.figures,
            "encode_ms": self.encode_ms,
            "decode_ms": self.decode_ms,
            **self.link,
            "unencodable": int(self.unencodable),
            "fault": self.fault,
        }


class Evaluation:
    """A codec, a channel and metrics; `rows` does the work, `summary` sums up what was done.

    Close it, or use it in a `with` block.

    Args:
        config: of the codec to evaluate; rate, design SNR and realism of it are not used. The
            metrics get as many threads.
        cbrs, snrs_db, realisms: every combination of these is a point.
        channel: between encoder and generator.
        metrics: names of `METRICS`.
        design_snr_db: to encode for; None encodes for the channel's own SNR, as far as the codec
            can.

    Attributes:
        codec: that is evaluated.
        points: that are scored.

    Raises:
        UsageError: a rate, SNR or realism that the codec does not have.
        ModelError: the codec, or a metric's weights cannot be opened.
    """

    def __init__(
        self,
        config: CodecConfig,
        cbrs: Sequence[Fraction],
        snrs_db: Sequence[float],
        realisms: Sequence[float],
        channel: Channel,
        metrics: Sequence[str] = tuple(METRICS),
        design_snr_db: float | None = None,
    ):
        self.points = [Point(c, s, r) for c in cbrs for s in snrs_db for r in realisms]
        self._channel, self._realisms = channel, realisms
        # Without networks this costs nothing, and refuses what the codec cannot do.
        first = replace(config, cbr=cbrs[0])
        with open_codec(config.codec, first, roles=()) as idle:
            low, high = idle.snr_db
            self._design = {
                snr: min(max(snr, low), high) if design_snr_db is None else design_snr_db
                for snr in snrs_db
            }
            designs = dict.fromkeys(self._design.values())
            wanted = [(cbr, design) for cbr in cbrs for design in designs]
            for aim in wanted:
                idle.at(*aim)
            for realism in realisms:
                idle.at(realism=realism)
        self._metrics = open_metrics(metrics, config.threads)
        self._inception = InceptionFeatures.open(config.threads) if "fid" in metrics else None
        self.codec = open_codec(config.codec, first)  # last of what can fail: it is to be closed
        self._codecs = {aim: self.codec.at(*aim) for aim in wanted}  # they share its networks
        self._cbrs = cbrs
        self._asked = metrics
        self._originals = {point: FeatureStatistics() for point in self.points}
        self._received = {point: FeatureStatistics() for point in self.points}
        self._rows: dict[Point, list[Row]] = {point: [] for point in self.points}

    @property
    def patches(self) -> int:
        """Patches of originals that FID has seen, at the point where most were received."""
        return max(originals.count for originals in self._originals.values())

    def rows(self, pictures: Iterable[tuple[str, Picture]]) -> Iterator[Row]:
        """Scores each picture at each point; all points of a picture before the next one.

        What the codec is to blame for costs that row its figures, and the next one goes on.

        Args:
            pictures: names and pictures, uint8 [H, W, 3].

        Raises:
            ModelError: an engine failed.
            UsageError: a picture's sides do not fit the codec.
        """
        sizes = set()
        for number, (name, original) in enumerate(pictures):
            if (size := original.shape[:2]) not in sizes:  # compiling for it shall not count
                sizes.add(size)
                with contextlib.suppress(CodecFault):  # encoding will tell, if it matters
                    self.codec.warm_up(*size)
            features = None if self._inception is None else self._inception(original)
            for cbr in self._cbrs:
                encoded: dict[float, tuple[Sent | None, str | None]] = {}
                for snr_db, design in self._design.items():
                    codec = self._codecs[cbr, design]
                    if design not in encoded:
                        encoded[design] = _tried(measure.encode, codec, original)
                    sent, unsent = encoded[design]
                    arrival = sent and self._channel(sent.coded, sent.symbols, snr_db, number)
                    for realism in self._realisms:
                        point = Point(cbr, snr_db, realism)
                        outcome, fault = _tried(
                            measure.decode, codec, arrival, realism, original, self._metrics
                        )
                        picture = outcome and outcome.picture
                        if picture is not None and features is not None:
                            self._originals[point].add(features)
                            self._received[point].add(self._inception(picture))
                        row = self._row(
                            point, name, original, sent, arrival, outcome, unsent or fault
                        )
                        self._rows[point].append(row)
                        yield row

    def _row(
        self,
        point: Point,
        name: str,
        original: Picture,
        sent: Sent | None,
        arrival: Arrival | None,
        outcome: Outcome | None,
        fault: str | None,
    ) -> Row:
        nothing = {METRICS[name]: None for name in self._asked if name != "fid"}
        return Row(
            picture=name,
            width=original.shape[1],
            height=original.shape[0],
            point=point,
            cbr=sent and len(sent.symbols) / original.size,
            design_snr_db=self._codecs[point.cbr, self._design[point.snr_db]].design_snr_db,
            received=arrival is not None,
            undecodable=outcome is None or outcome.undecodable,
            figures=nothing | dict(outcome.figures if outcome else {}),
            encode_ms=sent and sent.encode_ms,
            decode_ms=outcome and outcome.decode_ms,
            link={} if arrival is None else arrival.link,
            unencodable=sent is None,
            fault=fault,
        )

    def summary(self) -> list[dict[str, object]]:
        """Means at each point over the pictures decoded so far; FID over their patches.

        A figure that no picture has is None; infinite ones (equal pictures) are left out. How many
        were unencodable or undecodable is told where any was.
        """
        return [self._sum_up(point, rows) for point, rows in self._rows.items() if rows]

    def _sum_up(self, point: Point, rows: list[Row]) -> dict[str, object]:
        def mean(values: Iterable[float | None]) -> float | None:
            finite = [value for value in values if value is not None and math.isfinite(value)]
            return fmean(finite) if finite else None

        every = [row for those in self._rows.values() for row in those]
        left_out = {
            key: sum(getattr(row, key) for row in rows)
            for key in ("unencodable", "undecodable")
            if any(getattr(row, key) for row in every)
        }
        figures = {key: mean(row.figures[key] for row in rows) for key in rows[0].figures}
        if "fid" in self._asked:
            figures["fid"] = frechet_distance(self._originals[point], self._received[point])
        links = dict.fromkeys(key for row in rows for key in row.link)
        return {
            "cbr_asked": str(point.cbr),
            "cbr": _bandwidth_ratio(rows),
            "snr_db": point.snr_db,
            "realism": point.realism,
            "design_snr_db": rows[0].design_snr_db,
            "pictures": len(rows),
            "received": sum(row.received for row in rows),
            "decoded": sum(row.decoded for row in rows),
            **left_out,
            **figures,
            "encode_ms": mean(row.encode_ms for row in rows),
            "decode_ms": mean(row.decode_ms for row in rows),
            **{key: mean(row.link.get(key) for row in rows) for key in links},
        }

    def close(self) -> None:
        """Closes the codec."""
        self.codec.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tried(work: Callable[..., _T], *args: object) -> tuple[_T | None, str | None]:
    """What the codec gives, None where it fails; and what was wrong then."""
    try:
        return work(*args), None
    except CodecFault as fault:
        return None, str(fault)


def _bandwidth_ratio(rows: Sequence[Row]) -> float | None:
    """All symbols over all source samples: a large picture weighs more than a small one."""
    sizes = [(row.cbr, row.width * row.height) for row in rows if row.cbr is not None]
    if not sizes:
        return None
    return sum(cbr * size for cbr, size in sizes) / sum(size for _, size in sizes)
