# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw answers as a table, and the figures as one JSON object."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from percast.errors import FileError
from percast.tools.study.analysis.equality import Equality
from percast.tools.study.analysis.results import Results
from percast.tools.study.analysis.rule import Verdict, preferred
from percast.tools.study.answers import Answer
from percast.tools.study.plan import OBVIOUS, ORIGINAL, Study

HEADS = (
    "observer", "trial", "kind", "picture", "left", "right", "choice", "preferred", "reaction_ms",
    "original_ms", "shows", "zoom", "pixel_ratio", "counted", "simulated",
)  # fmt: skip
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def name_of(study: Study, condition: int) -> str:
    """Of a condition, as reports have it."""
    return {ORIGINAL: "original", OBVIOUS: "spoilt"}.get(condition) or study.conditions[
        condition
    ].name


def rows(
    study: Study, answers: Sequence[Answer], stays: Collection[int], simulated: bool
) -> Iterator[tuple]:
    """A row of `HEADS` for each answer; observers and trials are counted from 1."""
    for answer in answers:
        trial, given = answer.trial, answer.given
        choice = preferred(answer)
        yield (
            answer.slot + 1, trial.number + 1, trial.kind, study.pictures[trial.picture].name,
            name_of(study, trial.left), name_of(study, trial.right), given.choice,
            "" if choice is None else name_of(study, choice), given.reaction_ms, given.original_ms,
            given.shows, given.zoom, given.pixel_ratio, int(answer.slot in stays), int(simulated),
        )  # fmt: skip


def write_csv(path: Path, heads: Sequence[str], table: Iterable[Sequence[object]]) -> None:
    """Raises `FileError` where it cannot."""
    try:
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            writer.writerows([harmless(cell) for cell in row] for row in (heads, *table))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


def harmless(cell: object) -> object:
    """Text of others, which a spreadsheet would take for a formula and run, behind an apostrophe
    (OWASP, "CSV injection")."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell


def summary(
    study: Study,
    sha256: str,
    verdicts: Sequence[Verdict],
    results: Results,
    everybody: Results,
    simulated: str | None,
) -> Mapping[str, Any]:
    """What `--json` prints.

    Args:
        everybody: results with those who were left out.
        simulated: what observers were simulated; None for people.
    """
    return {
        "title": study.title,
        "study_sha256": sha256,
        "simulated": simulated,
        "observers": results.tally.observers,
        "left_out": {
            verdict.slot + 1: verdict.reasons for verdict in verdicts if not verdict.stays
        },
        "rule": asdict(study.rule),
        "answers": len(results.tally.pair),
        **_figures(study, results),
        "with_everybody": _figures(study, everybody),
    }


def _figures(study: Study, results: Results) -> dict[str, Any]:
    scores = (results.scores.value, results.scores.margin, *results.in_jod)
    names = ("score", "margin", "score_jod", "margin_jod")
    return {
        "equal_bandwidth": [equality_table(each) for each in (*results.equal, *results.equal_at)],
        "scores": {
            condition.name: dict(zip(names, map(_finite, figures), strict=True))
            for condition, *figures in zip(study.conditions, *scores, strict=True)
        },
        "preferences": [
            asdict(each)
            | {"first": name_of(study, each.first), "second": name_of(study, each.second)}
            for each in results.preferences
            if each.answers
        ],
    }


def equality_table(found: Equality) -> dict[str, Any]:
    saved = found.saved
    return {
        "ours": found.ours,
        "theirs": found.theirs,
        "at": found.rate,
        "ratio": found.ratio,
        "bound": found.bound,
        "known": found.known,
        "low": found.low,
        "high": found.high,
        "compared": [found.least, found.most],
        "saved": saved.value,
        "saved_bound": saved.bound,
        "saved_limit": saved.limit,
        "saved_low": saved.low,
        "saved_high": saved.high,
    }


def _finite(value: float) -> float | None:
    return float(value) if abs(value) < float("inf") else None
