# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a report, where it is known what they must be."""

import dataclasses
import io
import itertools
import json
import sqlite3
from fractions import Fraction

import numpy as np
import pytest

from percast.engines.metrics import psnr
from percast.engines.pictures import decode_picture
from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis.conditions import Code, Level
from percast.tools.campaign_report.analysis.measured import load
from percast.tools.campaign_report.analysis.origin import ranges, short
from percast.tools.campaign_report.analysis.sets import Needs, count_patches, distances
from percast.tools.campaign_report.analysis.whole import analyse
from percast.tools.campaign_report.config import ReportConfig
from percast.tools.campaign_report.page import page_of
from percast.tools.campaign_report.sections import words
from percast.tools.campaign_report.terminal import print_numbers
from percast.tools.pages import Figure, Folded, render
from percast.tools.pages.chart import LOOKS
from percast.tools.statistics.equal_quality import EqualQuality
from percast.tools.statistics.rate_curves import Share
from tests.tools.campaign_report.stores import COMMAND, Law, make_store

PLAIN = ReportConfig(lost="aside", no_sets=True)


@pytest.fixture(scope="module")
def told(campaign):
    with Store.open(campaign) as store:
        return analyse(store, dataclasses.replace(PLAIN, lost="grey")).json()


def point(told, code: str, snr: float, cbr: str) -> dict:
    wanted = {"code": code, "snr_db_set": snr, "cbr": cbr}
    (found,) = [p for p in told["points"] if wanted.items() <= p.items()]
    return found


def test_every_number_names_its_cells_and_all_name_command_and_version(told, campaign):
    assert told["measured_by"] == {"percast": "0.1.0 (0123456789)", "command": COMMAND}
    with Store.open(campaign) as store:
        rows = {row["cell"]: row for row in store.rows()}
    seen = []
    for one in told["points"]:
        first, last, step = map(int, one["cells"].replace(" by ", "-").split("-"))
        cells = range(first, last + 1, step)
        assert len(cells) == one["sent"] == 12
        assert {rows[c]["cbr_asked"] for c in cells} == {one["cbr"]}
        assert {rows[c]["snr_db_set"] for c in cells} == {one["snr_db_set"]}
        seen += cells
        values = [rows[c]["psnr_db"] for c in cells if rows[c]["psnr_db"] is not None]
        arrived = one["metrics"]["psnr_db"]["arrived"]
        assert (arrived["value"] if arrived else None) == (
            pytest.approx(sum(values) / len(values)) if values else None
        )
    assert sorted(seen) == sorted(rows)
    for kind in ("savings", "link"):
        assert told[kind] and all(one["cells"] for one in told[kind])


def test_the_bandwidth_that_is_saved_is_what_the_law_says(told):
    (lpips,) = [s for s in told["savings"] if (s["metric"], s["level"]) == ("lpips", "SNR 10 dB")]
    taken = lpips["share_taken"]["1/48"]  # the law: a quarter
    assert taken["low"]["ratio"] < 0.26 and taken["high"]["ratio"] > 0.24
    assert taken["value"]["ratio"] == pytest.approx(0.25, abs=0.01)
    assert taken["value"]["bound"] in (None, "at most")
    within = lpips["share_taken"]["1/24"]
    assert within["value"] == {"ratio": pytest.approx(0.25, abs=0.01), "bound": None}
    beyond = lpips["share_taken"]["1/192"]["value"]
    assert beyond == {"ratio": 1.0, "bound": "at most"}  # and nothing is extrapolated
    assert lpips["mean_share_taken"]["value"] == pytest.approx(0.25, abs=0.02)


def test_lost_pictures_are_counted_and_compared_as_grey_ones(told, campaign):
    lost = point(told, "hevc-ldpc", 4.0, "1/48")
    assert (lost["sent"], lost["arrived"]) == (12, 0)
    assert lost["share_arrived"]["value"] == 0 and 0.2 < lost["share_arrived"]["high"] < 0.3
    assert lost["lost_because"] == {"too little arrived to decode": 12}
    psnr_db = lost["metrics"]["psnr_db"]
    assert psnr_db["arrived"] is None  # a mean of nothing is no number
    with Store.open(campaign) as store:
        originals = [
            decode_picture(io.BytesIO(store.reference(p["sha256"]))) for p in store.pictures()
        ]
    grey = [psnr(original, np.full_like(original, 128)) for original in originals]
    assert psnr_db["lost_as_grey"]["value"] == pytest.approx(np.mean(grey))
    kept = point(told, "percast", 4.0, "1/48")["metrics"]["psnr_db"]
    assert kept["arrived"] == kept["lost_as_grey"]
    # A point where nothing arrived is no point of a curve.
    four = [s for s in told["savings"] if s["level"] == "SNR 4 dB"]
    assert not four


def test_a_campaign_has_not_changed_against_itself_and_has_against_a_better_one(tmp_path):
    paths = [
        make_store(tmp_path / f"{name}.sqlite", Law(better=better, seed=seed, rates=("1/48",)))
        for name, better, seed in (("old", 0.0, 0), ("same", 0.0, 1), ("new", 0.01, 2))
    ]
    old, same, new = (Store.open(path) for path in paths)
    with old, same, new:
        itself = analyse(old, PLAIN, old).json()["comparison"]
        assert {c["verdict"] for c in itself["changes"]} == {"no change shown"}
        assert itself["record"] == {}
        again = analyse(same, PLAIN, old).json()["comparison"]
        assert {c["verdict"] for c in again["changes"]} == {"no change shown"}
        better = analyse(new, PLAIN, old).json()["comparison"]
    verdicts = {m: {c["verdict"] for c in better["changes"] if c["metric"] == m}
                for m in ("lpips", "psnr_db", "share_arrived")}  # fmt: skip
    assert verdicts == {
        "lpips": {"better"},
        "psnr_db": {"no change shown"},
        "share_arrived": {"no change shown"},
    }
    change = better["changes"][1]
    assert change["change"]["low"] < -0.01 < change["change"]["high"] < 0
    assert better["record"]["seeds.campaign"] == {"before": 0, "after": 2}


def test_one_condition_that_is_surely_worse_is_found_among_all_that_did_not_change(tmp_path):
    paths = [
        make_store(tmp_path / f"{seed}.sqlite", Law(rates=("1/96", "1/48"), seed=seed))
        for seed in (0, 1)
    ]
    with sqlite3.connect(paths[1]) as db:
        of = "SELECT cell FROM cells JOIN shots USING (shot) WHERE condition = 3"
        db.execute(f"UPDATE decodes SET psnr_db = psnr_db - 3 WHERE cell IN ({of})")
        db.execute("UPDATE arrivals SET received = 0 WHERE shot IN (SELECT shot FROM shots "
                   "WHERE condition = 4)")  # fmt: skip
    db.close()
    with Store.open(paths[0]) as old, Store.open(paths[1]) as new:
        changes = analyse(new, PLAIN, old).json()["comparison"]["changes"]
    assert len(changes) > 20
    worse = [(c["metric"], round(c["change"]["value"], 6)) for c in changes
             if c["verdict"] == "worse"]  # fmt: skip
    assert worse == [("psnr_db", -3.0), ("share_arrived", -1.0)]
    assert 0 < next(c["p_value"] for c in changes if c["change"]["value"] == -1) < 1e-6


def test_a_metric_that_some_pictures_lack_is_not_told_as_lost_pictures(tmp_path, capsys):
    path = make_store(tmp_path / "a.sqlite", Law(pictures=4, snrs=(10.0,)))
    with sqlite3.connect(path) as db:  # the metric's weights came later
        first = "SELECT cell FROM cells JOIN shots USING (shot) WHERE seq < 10"
        db.execute(f"UPDATE decodes SET lpips = NULL WHERE cell IN ({first})")
    db.close()
    with Store.open(path) as store:
        analysis = analyse(store, dataclasses.replace(PLAIN, lost="grey"))
        page = render(page_of(analysis, store, 0.0))
    assert analysis.grey_known and "Every picture arrived" in page
    assert "Pictures were lost" not in page
    assert "Not measured of all pictures that came out: LPIPS of 14 of 24." in page
    whole, partly = (point(analysis.json(), code, 10.0, "1/48")["metrics"]["lpips"]
                     for code in ("hevc-ldpc", "percast"))  # fmt: skip
    assert (whole["measured"], partly["measured"]) == (3, 2)
    print_numbers(analysis)
    told = capsys.readouterr().out
    assert "(2 of 4)" in told and "(3 of 4)" in told and "4/4" in told
    # Codes are compared over the pictures that have it under all conditions.
    assert {s.metric: s.pictures for s in analysis.savings} == {"lpips": 2, "psnr_db": 4}
    assert "that have the metric at all points: LPIPS 2." in page


def test_a_lost_picture_that_a_metric_is_not_for_is_left_out_of_it_and_no_other(tmp_path):
    path = make_store(tmp_path / "a.sqlite", Law(pictures=4, snrs=(10.0,), size=(96, 96)))
    with sqlite3.connect(path) as db:  # MS-SSIM takes 161 pixels a side
        db.execute("UPDATE decodes SET ms_ssim = 0.9 WHERE cell < 2")
        db.execute("UPDATE arrivals SET received = 0 WHERE shot = 3")
    db.close()
    with Store.open(path) as store:
        analysis = analyse(store, dataclasses.replace(PLAIN, lost="grey"))
    lossy = next(p for p in analysis.points if 3 in p.cells)
    assert lossy.figures["psnr_db"].filled is not None
    assert lossy.figures["ms_ssim"].filled is None and analysis.grey_known


def test_what_lost_pictures_is_not_compared_by_those_that_arrived(campaign, tmp_path):
    rates = ("1/192", "1/96", "1/48", "1/24")
    better = make_store(tmp_path / "new.sqlite", Law(cliff_db=6, rates=rates, better=0.01, seed=2))
    # At 4 dB the digital codec loses all; at 10 dB the learned one loses one picture in both.
    for path in (better, tmp_path / "old.sqlite"):
        if not path.exists():
            path.write_bytes(campaign.read_bytes())
        with sqlite3.connect(path) as db:
            db.execute(
                "UPDATE arrivals SET received = 0 WHERE shot IN (SELECT shot FROM shots "
                "JOIN conditions USING (condition) JOIN pictures ON sha256 = picture "
                "WHERE codec = 'learned' AND snr_db_set = 10 AND pictures.number = 0)"
            )
        db.close()
    with Store.open(better) as store, Store.open(tmp_path / "old.sqlite") as other:
        aside = analyse(store, PLAIN, other).json()["comparison"]["changes"]
    compared = {(c["codec"], c["snr_db_set"]) for c in aside if c["metric"] == "lpips"}
    assert compared == {("learned", 4.0), ("hevc-ldpc", 10.0)}
    shares = {(c["codec"], c["snr_db_set"]) for c in aside if c["metric"] == "share_arrived"}
    assert ("learned", 10.0) in shares and ("hevc-ldpc", 4.0) in shares


def test_a_channel_through_which_nothing_arrives_has_a_page_too(tmp_path):
    law = Law(pictures=3, airs=(("awgn", None, None), ("rayleigh", None, None)))
    path = make_store(tmp_path / "dead.sqlite", law)
    with sqlite3.connect(path) as db:
        dead = "SELECT shot FROM shots JOIN conditions USING (condition) WHERE channel = 'rayleigh'"
        db.execute(
            f"UPDATE arrivals SET received = 0, snr_db_measured = NULL WHERE shot IN ({dead})"
        )
        cells = f"SELECT cell FROM cells WHERE shot IN ({dead})"
        nothing = ", ".join(f"{m} = NULL" for m in ("lpips", "psnr_db"))
        db.execute(f"UPDATE decodes SET {nothing} WHERE cell IN ({cells})")
        gains = "UPDATE conditions SET gain_db = snr_db_set, snr_db_set = NULL"
        db.execute(f"{gains} WHERE channel = 'rayleigh'")
    db.close()
    with Store.open(path) as store:
        page = render(page_of(analyse(store, PLAIN), store, 1))
    assert "Nothing arrived that could be shown." in page


def test_two_pictures_have_means_and_no_intervals_and_none_need_be_kept(tmp_path):
    law = Law(pictures=2, cliff_db=20, rates=("1/96", "1/48"), kept=False, bare=True)
    with Store.open(make_store(tmp_path / "a.sqlite", law)) as store:
        analysis = analyse(store, PLAIN)
        text = render(page_of(analysis, store, 24.0))
    numbers = json.loads(json.dumps(analysis.json(), allow_nan=False))
    told = point(numbers, "percast", 10.0, "1/48")["metrics"]["lpips"]["arrived"]
    assert told["value"] > 0 and told["low"] is told["high"] is None
    assert "Received pictures are missing where the plan keeps none" in text
    assert "Over only 2 pictures" in text and "Nothing can be said of bandwidth saved" in text
    assert "points that lost any are left out of comparisons" in text  # as --lost aside says
    assert analysis.savings == []  # nothing of the digital codec arrived


def test_fid_and_kid_are_told_where_pictures_suffice_and_else_why_not(tmp_path):
    law = Law(pictures=4, snrs=(10.0,), rates=("1/48",), size=(256, 256))
    with Store.open(make_store(tmp_path / "a.sqlite", law)) as store:
        campaign = load(store)
        few = distances(campaign, store.picture, store.reference, 2, Needs())
        assert {one.patches for one in few} == {4}
        assert all(one.fid is None and one.kid is None for one in few)
        assert all("256 for KID and 2,048 for FID" in one.why_not for one in few)
        enough = distances(campaign, store.picture, store.reference, 2, Needs(fid=4, kid=4))
    if all("weights" in one.why_not for one in enough):
        pytest.skip("percast eval fetch-weights --metrics fid")
    sharp, blurred = enough  # percast's pictures are blurred less than the digital codec's
    assert 0 < sharp.fid < blurred.fid
    assert sharp.kid.low < sharp.kid.value < blurred.kid.value and not sharp.why_not


def test_what_moves_is_shown_against_doppler_and_many_channels_are_folded(tmp_path):
    airs = tuple(("tdl-c", s, d) for s in (1e-7, 3e-7) for d in (0.0, 30.0, 100.0))
    law = Law(pictures=3, snrs=(5.0, 10.0), rates=("1/48",), airs=airs)
    with Store.open(make_store(tmp_path / "a.sqlite", law)) as store:
        analysis = analyse(store, PLAIN)
        page = page_of(analysis, store, 24.0)
        few = page_of(analysis, store, 0.0)
    sections = {section.name: section for section in page.sections}
    figures = {one.name: one for one in sections["mobility"].blocks if isinstance(one, Figure)}
    panels = figures["lpips-against-doppler-tdl-c"].panels
    assert [panel.title for panel in panels] == [
        "SNR 5 dB, 100 ns", "SNR 5 dB, 300 ns", "SNR 10 dB, 100 ns", "SNR 10 dB, 300 ns",
    ]  # fmt: skip
    for curve in panels[0].series:
        assert [point.x for point in curve.points] == [0, 30, 100]
        assert curve.points[0].y < curve.points[1].y < curve.points[2].y
    assert sum(isinstance(one, Folded) for one in sections["snr"].blocks) == 6
    assert "rate" not in sections  # there is one only, and so no bandwidth saved
    assert analysis.savings == [] and "Nothing can be said of bandwidth saved" in render(page)
    assert "Pictures" in render(page) and "are left out to keep the page" in render(few)


@pytest.mark.parametrize("size", [(768, 512), (255, 255), (384, 256), (512, 640), (256, 256)])
def test_patches_are_counted_without_cutting_them(size):
    from percast.engines.metrics.fid import patches

    width, height = size
    assert count_patches(width, height) == len(patches(np.zeros((height, width, 3), np.uint8)))


def test_conditions_are_told_apart_by_what_differs_in_their_settings():
    from percast.tools.campaign_report.analysis.conditions import sort_rows

    def row(condition, **changes):
        return {"channel": "awgn", "delay_spread_s": None, "doppler_hz": None, "codec": "learned",
                "model": "base", "realism": 1.0, "snr_db_set": None,
                "gain_db": 29.5 + 0.1 * condition, "cbr_asked": "1/48",
                "condition": condition} | changes  # fmt: skip

    def settings(number, design, waveform):
        whole = {"codec": {"engine": "auto"}, "channel": {"waveform": waveform}}
        told = {"condition": number, "design_snr_db": design, "gain_db": 30.0}
        return told | {"settings": whole}

    conditions = [settings(1, 10, True), settings(2, 4, True), settings(3, 10, False)]
    found = list(sort_rows([row(1), row(2), row(3)], conditions))
    assert len(found) == 3 and len(set(map(str, found))) == 3
    assert {c.code.name for c in found} == {
        "percast (design snr db 10)", "percast (design snr db 4)",
    }  # fmt: skip
    assert {c.air.told for c in found} == {"waveform true", "waveform false"}
    assert {c.level for c in found} == {Level("gain", 30.0)} and found[0].cbr == Fraction(1, 48)
    dials = sort_rows([row(1), row(1, realism=0.0), row(1, model="mse")], conditions[:1])
    names = sorted(c.code.name for c in dials)
    assert names == ["percast mse", "percast, realism 0", "percast, realism 1"]
    assert len({Code("learned", "x", 1.0, "", str(n)) for n in range(LOOKS)}) == LOOKS


def test_a_code_is_one_curve_with_one_name_and_another_code_never_joins_it():
    from percast.tools.campaign_report.analysis.conditions import sort_rows

    rows, conditions = [], []
    for mcs, rates in ((4, ("1/24", "1/12")), (11, ("1/48", "1/24"))):
        for rate, snr in itertools.product(rates, (4.0, 10.0)):
            number = len(rows) + 1
            rows.append(
                {"channel": "awgn", "delay_spread_s": None, "doppler_hz": None, "realism": 1.0,
                 "codec": "hevc-ldpc", "model": "hevc-ldpc", "snr_db_set": snr, "gain_db": None,
                 "cbr_asked": rate, "condition": number}
            )  # fmt: skip
            whole = {"codec": {"mcs": str(mcs)}, "channel": {"model": "awgn"}}
            told = {"condition": number, "design_snr_db": snr, "gain_db": None}
            conditions.append(told | {"settings": whole})
    found = sort_rows(rows, conditions)
    curves: dict[str, set] = {}
    for condition in found:
        curves.setdefault(condition.code.name, set()).add((condition.cbr, condition.level.db))
    points = {f"hevc-ldpc (mcs {mcs})": {(Fraction(r), snr) for r in rates for snr in (4.0, 10.0)}
              for mcs, rates in ((4, ("1/24", "1/12")), (11, ("1/48", "1/24")))}  # fmt: skip
    # Designed for the SNR of the channel it is still the same code.
    assert curves == points
    # What never meets in one channel is one code: each has what is right there.
    apart = [r | {"channel": "rayleigh"} if r["condition"] > 4 else r for r in rows]
    assert {c.code.name for c in sort_rows(apart, conditions)} == {"hevc-ldpc"}


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        (Share(1 / 8, "at most"), "\u2265 87%"),  # 87.5% and more
        (Share(1 / 4, "at most"), "\u2265 75%"), (Share(0.995, "more than"), "< 1%"),
        (Share(2.004, "more than"), "< \u2212100%"), (Share(1.0, "more than"), "< 0%"),
        (Share(0.126), "87%"), (Share(1.004), "0%"), (Share(2.62), "\u2212162%"),
    ],
)  # fmt: skip
def test_no_bound_of_what_is_saved_is_rounded_past_what_it_holds(taken, text):
    assert words.saved_headline(EqualQuality(1 / 48, taken, None, None)) == text


@pytest.mark.parametrize(
    ("cells", "text"),
    [([1, 2, 3, 7], "1-3, 7"), ([4], "4"), ([1, 11, 21], "1-21 by 10"), ([5, 6, 9], "5-6, 9")],
)
def test_cells_are_listed_in_ranges(cells, text):
    assert ranges(cells) == text


def test_cells_that_are_many_are_named_by_their_condition():
    assert short([1, 2, 3, 7]) == "cells 1-3, 7" and short([4]) == "cell 4"
    assert short([1, 3, 7, 15, 40], [2]) == "5 cells of condition 2"
    assert short([1, 3, 7, 15, 40]) == "5 cells from 1 to 40"
