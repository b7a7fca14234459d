# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is left out: a rule that lay in `study.json`, hashed, before anybody answered."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from percast.tools.study.answers import EQUAL, LEFT, Answer
from percast.tools.study.config import RuleConfig
from percast.tools.study.plan import ORIGINAL, Study
from percast.tools.study.schedule import CATCH, PAIR, REPEAT, trials_of


@dataclass(frozen=True)
class Verdict:
    """What the rule says of one observer.

    Attributes:
        slot: who.
        done: share of the trials that were answered.
        catch: share of the catch trials that were right; None without any. Likewise `repeat`, of
            the hidden repeats that were answered as the first time, and `side`, of the answers
            (but "equal") that lie on the side pressed more often.
        reaction_s: median.
        reasons: why the observer is left out; none for those who stay.
    """

    slot: int
    done: float
    catch: float | None
    repeat: float | None
    side: float | None
    reaction_s: float
    reasons: tuple[str, ...]

    @property
    def stays(self) -> bool:
        """Whether the answers count."""
        return not self.reasons


def judge(study: Study, answers: Iterable[Answer]) -> list[Verdict]:
    """The verdict on each observer who answered anything."""
    by_slot: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_slot[answer.slot].append(answer)
    return [_judge(study, slot, mine) for slot, mine in sorted(by_slot.items())]


def preferred(answer: Answer) -> int | None:
    """The condition that was chosen; None for "equal"."""
    if answer.given.choice == EQUAL:
        return None
    return answer.trial.left if answer.given.choice == LEFT else answer.trial.right


def _judge(study: Study, slot: int, answers: Sequence[Answer]) -> Verdict:
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        kinds[answer.trial.kind].append(answer)
    first = {_what(answer): answer for answer in kinds[PAIR]}
    again = [(answer, first[_what(answer)]) for answer in kinds[REPEAT] if _what(answer) in first]
    sided = [answer.given.choice == LEFT for answer in answers if answer.given.choice != EQUAL]
    left = _share(sided)
    verdict = Verdict(
        slot,
        len(answers) / len(trials_of(study, slot)),
        _share([preferred(answer) == ORIGINAL for answer in kinds[CATCH]]),
        _share([_agreement(preferred(a), preferred(b)) for a, b in again]),
        None if left is None else max(left, 1 - left),
        median(answer.given.reaction_ms for answer in answers) / 1000,
        (),
    )
    return Verdict(**(vars(verdict) | {"reasons": tuple(_reasons(study.rule, verdict))}))


def _what(answer: Answer) -> tuple[int, frozenset[int]]:
    trial = answer.trial
    return trial.picture, frozenset((trial.left, trial.right))


def _agreement(one: int | None, other: int | None) -> float:
    return 1.0 if one == other else 0.5 if None in (one, other) else 0.0


def _share(hits: Sequence[float]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def _reasons(rule: RuleConfig, verdict: Verdict) -> Iterable[str]:
    if verdict.done < rule.done_least:
        yield f"answered {verdict.done:.0%} of the trials"
    if verdict.catch is not None and verdict.catch < rule.catch_least:
        yield f"{verdict.catch:.0%} of the catch trials right"
    if verdict.repeat is not None and verdict.repeat < rule.repeats_least:
        yield f"{verdict.repeat:.0%} of the repeats as before"
    if verdict.side is not None and verdict.side > rule.side_most:
        yield f"{verdict.side:.0%} of the answers on one side"
    if verdict.reaction_s < rule.fastest_s:
        yield f"median reaction {verdict.reaction_s:.2f} s"


def in_words(rule: RuleConfig) -> str:
    """The rule as a report states it."""
    return (
        f"An observer is left out who answered less than {rule.done_least:.0%} of the trials, or "
        f"had less than {rule.catch_least:.0%} of the catch trials right, or answered less than "
        f"{rule.repeats_least:.0%} of the hidden repeats as the first time (“equal” in one of both "
        f"counts half), or gave more than "
        f"{rule.side_most:.0%} of the answers on one side, or took less than {rule.fastest_s:g} s "
        "in the median."
    )
