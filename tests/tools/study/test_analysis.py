# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis finds what is known of simulated observers, and says so where it finds nothing."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from percast.tools.pages import render
from percast.tools.study.analysis import equality, export, power, scores
from percast.tools.study.analysis.draws import Draws, Estimated
from percast.tools.study.analysis.equality import Equality
from percast.tools.study.analysis.report import make_page
from percast.tools.study.analysis.results import compute, of_tally
from percast.tools.study.analysis.rule import judge
from percast.tools.study.analysis.synthetic import Layout, Truth, simulate
from percast.tools.study.answers import EQUAL, LEFT, RIGHT, Answer, Given
from percast.tools.study.plan import Condition, Folder
from percast.tools.study.schedule import CATCH, trials_of
from tests.tools.study.test_schedule import study

SHARE = 0.4  # of the other's bandwidth that the first code takes
STEEP = 1.2  # of the scores over the logarithm of the rate

choix = pytest.importorskip("choix")


def rated(pictures: int = 24, trials: int = 48):
    """Four rates of each of two codes, and scores that are equal at `SHARE` of the bandwidth."""
    plan = study(rates=4, pictures=pictures, trials=trials)
    conditions = [
        Condition(f"{code}@1/{rate}", code, f"1/{rate}")
        for code, rates in (("percast", (192, 96, 48, 24)), ("hevc-ldpc", (96, 48, 24, 12)))
        for rate in rates
    ]
    plan = replace(plan, conditions=tuple(conditions))
    values = np.array(
        [
            STEEP * np.log(c.cbr / SHARE if c.code == "percast" else c.cbr)
            for c in conditions
        ]
    )  # fmt: skip
    return plan, values - values.mean()


def expected_shares(layout: Layout, truth: Truth) -> np.ndarray:
    """Share of all people and pictures that prefer each pair's first condition, [pairs].

    By Gauss and Hermite's quadrature over both spreads; there is no "equal".
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    first, second = layout.tally.pairs.T
    spread = np.sqrt(2 * (truth.observer_spread**2 + truth.picture_spread**2))
    difference = truth.scores[first] - truth.scores[second]
    return expit(difference[:, None] + spread * nodes) @ weights / weights.sum()


def test_known_scores_and_the_known_bandwidth_lie_within_their_intervals_in_90_of_100_runs():
    plan, values = rated()
    layout = Layout.of(plan, 20)
    truth = Truth(values, observer_spread=0.3, picture_spread=0.4)
    shares = expected_shares(layout, truth)
    many = np.full(len(shares), 1e9)  # what the scores of all people and pictures would be
    known = scores.by_newton(scores.won_matrix(layout.tally.pairs, 8, shares * many, many))
    of_scores, of_shares, of_bandwidth, widths, ratios = [], [], [], [], []
    for run in range(100):
        draws = Draws(simulate(layout, truth, np.random.default_rng(run)), resamples=200)
        found = scores.score(draws)
        of_scores.append(np.abs(found.value - known) <= found.margin)
        of_shares.append(
            [
                low <= p <= high
                for p, (_, low, high, _) in zip(shares, scores.shares(draws), strict=True)
            ]
        )
        equal = equality.find(draws, plan.conditions, "percast", "hevc-ldpc")
        of_bandwidth.append((equal.low or 0) <= SHARE <= (equal.high or np.inf))
        widths.append((equal.high or np.inf) - (equal.low or 0))
        ratios.append((equal.ratio, equal.saved.value))
    assert (np.sum(of_scores, 0) >= 90).all()
    assert (np.sum(of_shares, 0) >= 90).all()
    assert np.sum(of_bandwidth) >= 90
    # The figures themselves are neither askew nor turned round.
    assert np.median(ratios, 0) == pytest.approx([SHARE, 1 - SHARE], abs=0.02)
    # Intervals that always hold the truth because they are wide would say nothing.
    assert np.median(widths) < 0.25
    assert np.mean(of_scores) < 0.999


def test_the_draws_scores_are_those_that_choix_finds():
    tables = np.random.default_rng(0).gamma(1.0, 5.0, (20, 6, 6)) * (1 - np.eye(6))
    ours = scores.by_newton(tables)
    for table, found in zip(tables, ours, strict=True):
        assert found == pytest.approx(scores.by_choix(table), abs=1e-5)


def people(plan, values, count: int, seed: int = 0) -> list[Answer]:
    """Answers that follow the scores."""
    draw = np.random.default_rng(seed)
    felt = {condition: value for condition, value in enumerate(values)}
    felt |= {-1: 20.0, -2: -20.0}
    found = []
    for slot in range(count):
        for trial in trials_of(plan, slot):
            better = felt[trial.left] - felt[trial.right] + draw.logistic() * 0.3 > 0
            found.append(Answer(slot, trial, Given(LEFT if better else RIGHT, 1500.0)))
    return found


def pressing(plan, slot: int, choice: str, milliseconds: float = 1500.0) -> list[Answer]:
    return [Answer(slot, trial, Given(choice, milliseconds)) for trial in trials_of(plan, slot)]


def stays(plan, answers) -> list[int]:
    return [verdict.slot for verdict in judge(plan, answers) if verdict.stays]


def test_who_always_presses_left_changes_nothing():
    plan, values = rated()
    honest = people(plan, values, 6)
    answers = honest + pressing(plan, 6, LEFT)
    assert stays(plan, answers) == stays(plan, honest) == list(range(6))
    before, after = (compute(plan, a, stays(plan, a), 200) for a in (honest, answers))
    for one, other in ((before.scores, after.scores), (before.equal[0].fit, after.equal[0].fit)):
        assert np.array_equal(one.value, other.value)
        assert np.array_equal(one.covariance, other.covariance)
    assert before.preferences == after.preferences
    # With everybody it would have changed something.
    everybody = compute(plan, answers, range(7), 200)
    assert not np.allclose(everybody.scores.value, before.scores.value, atol=1e-3)


def test_the_rule_says_why():
    plan, values = rated()
    wrong = [
        replace(a, given=replace(a.given, choice=RIGHT if a.given.choice == LEFT else LEFT))
        if a.trial.kind == CATCH else a
        for a in people(plan, values, 1)
    ]  # fmt: skip
    reasons = {
        "catch trials right": wrong,
        "on one side": pressing(plan, 0, RIGHT),
        "repeats as before": pressing(plan, 0, LEFT),
        "median reaction": pressing(plan, 0, EQUAL, 100.0),
        "of the trials": people(plan, values, 1)[:10],
    }
    for words, answers in reasons.items():
        (verdict,) = judge(plan, answers)
        assert any(words in reason for reason in verdict.reasons), (words, verdict)
    (verdict,) = judge(plan, people(plan, values, 1))
    assert verdict.stays and verdict.catch == 1.0


def test_three_in_ten_who_press_at_random_pass_the_rule_and_fewer_with_more_catch_trials():
    draw, passed = np.random.default_rng(0), []
    for catches in (4, 8):
        plan = study(repeats=4, catches=catches, trials=48, pictures=24)
        answers = [
            Answer(slot, trial, Given(str(draw.choice((LEFT, RIGHT))), 1500.0))
            for slot in range(300)
            for trial in trials_of(plan, slot)
        ]
        passed.append(len(stays(plan, answers)) / 300)
    assert passed == [pytest.approx(5 / 16 * 15 / 16, abs=0.08), pytest.approx(1 / 7, abs=0.06)]


def of_scores(plan, values, observers: int = 20, seed: int = 1):
    return of_tally(
        plan, simulate(Layout.of(plan, observers), Truth(values), np.random.default_rng(seed)), 200
    )


def test_beyond_the_ratios_that_were_compared_there_is_a_bound_and_no_number():
    plan, values = rated()
    ours = np.array([c.code == "percast" for c in plan.conditions])
    better = of_scores(plan, values + 8 * ours).equal[0]
    assert better.ratio is None and better.bound == "less than"
    assert "beyond the measured range" in str(better) and "less than" in better.interval
    worse = of_scores(plan, values - 8 * ours).equal[0]
    assert worse.ratio is None and worse.bound == "more than" and worse.high is None
    assert "more than" in worse.interval


@pytest.mark.parametrize(
    ("share", "observers", "steep", "rate"),
    [(SHARE, 5, STEEP, None), (3.0, 10, 0.5, None), (SHARE, 6, 0.3, None), (0.05, 10, 0.5, "1/96")],
)
def test_the_bandwidth_lies_within_its_interval_also_of_few_observers_or_a_flat_curve(
    share, observers, steep, rate
):
    plan, _ = rated()
    values = [
        steep * np.log(c.cbr / (share if c.code == "percast" else 1)) for c in plan.conditions
    ]
    layout, held = Layout.of(plan, observers), 0
    truth = Truth(np.array(values) - np.mean(values), 0.3, 0.4)
    for run in range(100):
        draws = Draws(simulate(layout, truth, np.random.default_rng(run)), resamples=200)
        found = equality.find(draws, plan.conditions, "percast", "hevc-ldpc", rate)
        held += (found.low or 0) <= share <= (found.high or np.inf)
    assert held >= 90


@pytest.mark.parametrize(("preferred", "bound"), [(0.98, "less than"), (0.02, "more than")])
def test_who_wins_or_loses_at_every_ratio_is_told_so_whatever_the_slope_happens_to_be(
    preferred, bound
):
    plan, _ = rated()
    layout = Layout.of(plan, 20)
    ours = np.array([c.code == "percast" for c in plan.conditions])
    truth, slopes = Truth(np.log(preferred / (1 - preferred)) * ours), []
    for run in range(20):
        draws = Draws(simulate(layout, truth, np.random.default_rng(run)), resamples=200)
        found = equality.find(draws, plan.conditions, "percast", "hevc-ldpc")
        slopes.append(found.fit.value[1] > 0)
        assert found.bound == bound and found.ratio is None
        # Every ratio that was compared is out.
        ends = (found.least, None) if bound == "less than" else (None, found.most)
        assert (found.high, found.low) == ends
        assert (
            found.interval == {"less than": "less than 6.3%", "more than": "more than 400%"}[bound]
        )
    assert 0 < np.sum(slopes) < 20


def test_where_more_bandwidth_surely_hurts_there_is_no_answer():
    plan, values = rated()
    turned = of_scores(plan, -values).equal[0]
    assert turned.bound == "unknown" and turned.ratio is turned.low is turned.high is None
    assert str(turned.saved) == "unknown"


def test_where_the_slope_is_none_there_is_no_answer_unless_one_is_surely_better_somewhere():
    plan, values = rated()
    found = [of_scores(plan, 0 * values, seed=seed).equal[0] for seed in range(12)]
    flat = [each for each in found if each.fit.value[1] <= 0]
    for each in flat:
        _, low, high = each.band(np.linspace(np.log(each.least), np.log(each.most), 101))
        assert (each.bound == "unknown") == bool((low < 0.5).all() and (high > 0.5).all())
    assert np.sum([each.bound == "unknown" for each in flat]) >= 3


def equal_at(ratio=None, bound="", low=None, high=None, least=0.125, most=4.0, quantile=2.0):
    """An equality of these ends."""
    some = np.eye(2)
    fit = Estimated(np.zeros(2), some, some, some, some, quantile)
    points = np.zeros((0, 3))
    return Equality("percast", "hevc", None, ratio, bound, low, high, least, most, fit, points)


@pytest.mark.parametrize(
    ("found", "brief", "interval", "saved", "saved_interval"),
    [
        (equal_at(0.4, low=0.341, high=0.461), "40%", "34% to 47%", "60%", "53% to 66%"),
        (equal_at(0.25, low=0.25, high=0.5), "25%", "25% to 50%", "75%", "50% to 75%"),
        (equal_at(0.07, low=0.05, high=None), "7%", "5% to more than 400%", "93%",
         "from needing more than 4 times as much to saving 95%"),
        (equal_at(0.9, low=0.7, high=1.23), "90%", "70% to 123%", "10%",
         "from needing 1.23 times as much to saving 30%"),
        (equal_at(1.0, low=None, high=2), "100%", "less than 13% to 200%", "0%",
         "from needing 2 times as much to saving more than 87%"),
        (equal_at(3.14, low=2.27, high=3.61), "314%", "227% to 361%",
         "none: needs 3.1 times as much", "needs 2.2 times to 3.7 times as much"),
        (equal_at(None, "less than", None, 0.0625, least=0.0625), "less than 6.3%",
         "less than 6.3%", "more than 93.7%", "more than 93.7%"),
        (equal_at(None, "less than", None, 0.3, least=0.25), "less than 25%",
         "less than 25% to 30%", "more than 75%", "70% to more than 75%"),
        (equal_at(None, "more than", 3.1, None, most=3.1), "more than 310%", "more than 310%",
         "none: needs at least 3.1 times as much", "needs more than 3.1 times as much"),
        (equal_at(None, "more than", 0.7, None, most=0.8), "more than 80%", "70% to more than 80%",
         "less than 20%", "less than 20% to 30%"),
        (equal_at(None, "less than", None, 2.0, least=2.0), "less than 200%", "less than 200%",
         "perhaps none: needs at most 2 times as much", "needs less than 2 times as much"),
        (equal_at(None, "more than", 1.0, None, most=1.0), "more than 100%", "more than 100%",
         "none", "none"),
        (equal_at(None, "unknown"), "unknown", "less than 13% to more than 400%", "unknown",
         "from needing more than 4 times as much to saving more than 87%"),
        (equal_at(0.4, quantile=np.inf), "40%", "no interval of so few observers or pictures",
         "60%", "no interval of so few observers or pictures"),
    ],
)  # fmt: skip
def test_what_is_saved_is_what_is_missing_of_the_ratio_and_no_bound_claims_too_much(
    found, brief, interval, saved, saved_interval
):
    assert (found.brief, found.interval) == (brief, interval)
    assert (str(found.saved), found.saved.interval) == (saved, saved_interval)
    table = export.equality_table(found)
    assert table["known"] == ("no interval" not in interval)
    assert table["saved"] == (None if found.ratio is None else 1 - found.ratio)
    assert table["saved_low"] == (None if found.high is None else 1 - found.high)
    assert table["saved_high"] == (None if found.low is None else 1 - found.low)


def test_each_rate_is_compared_by_itself_too():
    plan, values = rated()
    found = of_scores(plan, values, 40)
    assert {each.rate for each in found.equal_at} == {"1/96", "1/48", "1/24", "1/12"}
    for each in found.equal_at:
        assert each.bound or 0.2 < each.ratio < 0.7


def test_two_observers_have_no_interval_rather_than_a_wrong_one():
    plan, values = rated()
    found = of_scores(plan, values, 2)
    assert np.isinf(found.scores.quantile)
    assert "no interval" in found.equal[0].interval
    assert all((each.low, each.high) == (0.0, 1.0) for each in found.preferences)


def test_pictures_that_nobody_was_asked_about_make_nothing_surer():
    plan, values = rated()
    whole = simulate(Layout.of(plan, 20), Truth(values), np.random.default_rng(1))
    some = whole.picture < 4
    few = replace(
        whole, observer=whole.observer[some], picture=whole.picture[some], pair=whole.pair[some],
        won=whole.won[some],
    )  # fmt: skip
    assert few.pictures == 24
    assert Draws(few, 100).quantile == pytest.approx(3.182, abs=1e-3)  # Student's, 3 degrees


@pytest.mark.parametrize("choice", [LEFT, EQUAL])
@pytest.mark.parametrize(("observers", "pictures"), [(1, 1), (1, 24), (3, 1), (4, 4)])
def test_small_studies_and_such_that_say_nothing_have_a_report(
    observers, pictures, choice, tmp_path
):
    plan, _ = rated(pictures)
    answers = [a for slot in range(observers) for a in pressing(plan, slot, choice)]
    found = compute(plan, answers, range(observers), 100)
    folder = Folder(tmp_path, plan, "0" * 64)
    page = render(make_page(folder, answers, judge(plan, answers), found, found, [], None))
    assert "nan" not in re.sub(r"(href|src)=\"data:[^\"]*\"", "", page)


def test_the_report_says_how_many_pairs_repeats_and_catch_trials_an_observer_had(tmp_path):
    plan = study(pictures=1, trials=48, repeats=20)  # there are four pairs
    answers = [a for slot in range(3) for a in pressing(plan, slot, LEFT)]
    found = compute(plan, answers, range(3), 100)
    folder = Folder(tmp_path, plan, "0" * 64)
    page = render(make_page(folder, answers, judge(plan, answers), found, found, [], None))
    assert "4 pairs, 2 of them again with sides swapped, and 4 catch trials" in page


def test_what_an_operator_or_a_file_is_called_is_text_in_the_report(tmp_path):
    plan, _ = rated(3)
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    plan = replace(
        plan, title=evil, consent=evil, asks=(evil,), left_out=(evil,),
        conditions=tuple(replace(c, name=evil + c.name, code=evil) for c in plan.conditions),
        pictures=tuple(replace(shown, name=evil) for shown in plan.pictures),
    )  # fmt: skip
    answers = [a for slot in range(3) for a in pressing(plan, slot, LEFT)]
    found = compute(plan, answers, range(3), 100)
    folder = Folder(tmp_path, plan, "0" * 64)
    page = render(make_page(folder, answers, judge(plan, answers), found, found, [], evil))
    assert page.count("&lt;script&gt;alert(1)") > 10
    assert "<script>alert" not in page and "<img src=x" not in page
    assert len(re.findall("<script", page)) == 1


def test_equal_is_half_an_answer_for_each():
    plan, _ = rated()
    answers = [a for slot in range(4) for a in pressing(plan, slot, EQUAL)]
    found = compute(plan, answers, range(4), 200)
    assert all(each.share == 0.5 for each in found.preferences if each.answers)
    assert found.scores.value == pytest.approx(np.zeros(8), abs=1e-6)


def test_power_asks_for_more_where_less_is_known():
    plan, values = rated()
    sizes = power.plan(
        plan, Truth(values, 0.3, 0.4), observers=(6, 40), pictures=(6, 40), runs=6
    )  # fmt: skip
    widths = {(size.observers, size.pictures): size.width for size in sizes}
    assert widths[40, 40] < 0.7 * widths[6, 6]
    best = power.enough(sizes, 1.01 * widths[40, 40])
    assert (best.observers, best.pictures) == (40, 40)
    assert power.enough(sizes, 0.001) is None


def test_how_much_observers_and_pictures_differ_is_found_again():
    plan, values = rated(pictures=40)
    layout = Layout.of(plan, 60)
    for truth in (Truth(values, 0.0, 0.8), Truth(values, 0.8, 0.0)):
        found = power.truth_of(of_tally(plan, simulate(layout, truth, np.random.default_rng(2))))
        assert found.observer_spread == pytest.approx(truth.observer_spread, abs=0.35)
        assert found.picture_spread == pytest.approx(truth.picture_spread, abs=0.35)


def test_rates_that_differ_are_told_beside_their_mean():
    at = [replace(equal_at(0.4, low=low, high=high), rate=rate) for rate, low, high in
          (("1/96", None, 0.3), ("1/48", 0.35, 0.6), ("1/24", 0.5, None))]  # fmt: skip
    words = equal_at(0.4, low=0.38, high=0.42).differing(at)
    assert "hevc's 1/96, 1/24 alone" in words and words.startswith("40% over all rates")
    assert equal_at(0.4).differing(at[1:2]) == ""
    assert equal_at(None, "less than", None, 0.3).differing(at) == ""
    few = [replace(each, fit=equal_at(quantile=np.inf).fit) for each in at]
    assert equal_at(0.4).differing(few) == ""
