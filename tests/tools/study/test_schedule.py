# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials of observers: balanced sides and order, repeats and catch trials where nobody sees."""

from collections import Counter

import numpy as np
import pytest

from percast.tools.study.config import RuleConfig
from percast.tools.study.plan import OBVIOUS, ORIGINAL, Condition, Shown, Study
from percast.tools.study.schedule import CATCH, PAIR, REPEAT, repeats_each, trials_each, trials_of


def study(codes: int = 2, rates: int = 2, pictures: int = 6, **plan) -> Study:
    """Every rate of the first code against every rate of the others."""
    names = [(f"code{c}", f"1/{24 * 2**r}") for c in range(codes) for r in range(rates)]
    conditions = tuple(Condition(f"{code}@{rate}", code, rate) for code, rate in names)
    pairs = tuple((a, b) for a in range(len(names)) for b in range(a) if names[a][0] != names[b][0])
    shown = tuple(Shown(str(i), 8, 8, "o", "s", ("f",) * len(names)) for i in range(pictures))
    usual = {
        "title": "", "question": "closer", "equal": False, "original": True, "consent": "",
        "asks": (), "trials": 24, "repeats": 4, "catches": 4, "seed": 7,
    }  # fmt: skip
    fixed = {"conditions": conditions, "pictures": shown, "pairs": pairs, "rule": RuleConfig()}
    return Study(**usual | fixed | plan)


def pairs_of(plan: Study, slot: int) -> list:
    return [trial for trial in trials_of(plan, slot) if trial.kind == PAIR]


@pytest.mark.parametrize("trials", [12, 24, 23])
def test_everything_is_asked_equally_often_from_both_sides(trials):
    plan = study(trials=trials)
    cells = len(plan.pairs) * len(plan.pictures)
    observers = 2 * cells  # whole rounds, and both sides of each
    asked = Counter(
        (trial.picture, trial.left, trial.right)
        for slot in range(observers)
        for trial in pairs_of(plan, slot)
    )
    assert len(asked) == 2 * cells and set(asked.values()) == {trials}


@pytest.mark.parametrize("pictures", [5, 6])
def test_no_observer_sees_a_condition_mostly_on_one_side(pictures):
    plan = study(pictures=pictures, trials=20)
    for slot in range(40):
        sides = Counter()
        for trial in pairs_of(plan, slot):
            sides[trial.left] += 1
            sides[trial.right] -= 1
        assert max(map(abs, sides.values())) <= 5  # of about ten each


@pytest.mark.parametrize("pictures", [6, 7, 12, 24])
def test_no_place_in_the_order_tells_the_side(pictures):
    """Whoever guessed by the trial's number what is on the left would be right half of the time."""
    right = []
    for seed in range(5):
        plan = study(rates=1, pictures=pictures, seed=seed)
        lefts = np.array(
            [[plan.conditions[trial.left].code == "code0" for trial in pairs_of(plan, slot)]
             for slot in range(400)]
        )  # fmt: skip
        share = lefts.mean(0)
        assert abs(share - 0.5).max() < 0.15  # pairs of rounds are drawn together: four deviations
        right.append(np.maximum(share, 1 - share).mean())
        if (
            pictures >= 12
        ):  # of fewer, each observer's balance alone makes it the other one more often
            again = (lefts[:, 1:] == lefts[:, :-1]).mean(0)
            assert abs(again - 0.5).max() < 0.3  # nor does the side before
    assert np.mean(right) < 0.54  # fair coins: 0.52


def test_the_order_is_a_latin_square_that_balances_what_comes_before_what():
    plan = study(repeats=0, catches=0)  # 24 trials: every observer has all cells
    orders = [
        [(trial.picture, frozenset((trial.left, trial.right))) for trial in trials_of(plan, slot)]
        for slot in range(24)
    ]
    for place in range(24):
        assert len({order[place] for order in orders}) == 24
    follows = Counter(pair for order in orders for pair in zip(order, order[1:], strict=False))
    assert set(follows.values()) == {1} and len(follows) == 24 * 23


def test_repeats_come_much_later_with_sides_swapped():
    plan = study()
    for slot in range(12):
        trials = trials_of(plan, slot)
        assert [trial.number for trial in trials] == list(range(32))
        repeats = [trial for trial in trials if trial.kind == REPEAT]
        assert len(repeats) == 4
        for again in repeats:
            (first,) = (
                trial for trial in trials[: again.number]
                if trial.kind == PAIR and trial.picture == again.picture
                and (trial.left, trial.right) == (again.right, again.left)
            )  # fmt: skip
            assert again.number - first.number >= 9


@pytest.mark.parametrize("trials", [1, 4, 12, 24])
@pytest.mark.parametrize("repeats", [0, 4, 20])
def test_as_many_are_told_as_are_asked(trials, repeats):
    plan = study(trials=trials, repeats=repeats)
    for slot in range(3):
        kinds = Counter(trial.kind for trial in trials_of(plan, slot))
        told = {PAIR: trials_each(plan), REPEAT: repeats_each(plan), CATCH: 4}
        assert kinds == Counter({kind: count for kind, count in told.items() if count})


def test_catch_trials_have_their_answer_on_either_side_and_lie_anywhere():
    plan = study()
    places = set()
    for slot in range(12):
        catches = [trial for trial in trials_of(plan, slot) if trial.kind == CATCH]
        assert Counter((t.left, t.right) for t in catches) == {
            (ORIGINAL, OBVIOUS): 2,
            (OBVIOUS, ORIGINAL): 2,
        }
        places |= {trial.number for trial in catches}
    assert len(places) > 16


def test_the_schedule_is_the_same_whenever_it_is_asked_for_and_another_for_another_seed():
    assert trials_of(study(), 3) == trials_of(study(), 3)
    assert trials_of(study(), 3) != trials_of(study(seed=8), 3)
    assert trials_of(study(), 3) != trials_of(study(), 4)


def test_more_trials_than_there_are_pairs_are_cut():
    plan = study(trials=2000, repeats=0, catches=0)
    trials = trials_of(plan, 0)
    assert len(trials) == 24
    counts = np.bincount([trial.picture for trial in trials])
    assert set(counts) == {4}


def test_catch_trials_do_not_alternate():
    """Or whoever presses left and right in turn would pass them."""
    plan, alike = study(catches=6), 0
    for slot in range(200):
        sides = [trial.left for trial in trials_of(plan, slot) if trial.kind == CATCH]
        assert sides.count(ORIGINAL) == 3
        alike += sum(a == b for a, b in zip(sides, sides[1:], strict=False))
    assert alike / (5 * 200) == pytest.approx(0.4, abs=0.06)  # of three and three at random
