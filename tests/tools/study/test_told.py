# SPDX-License-Identifier: GPL-3.0-or-later
"""What a study tells those who make it, who take part, and who read of it."""

import csv
import html
import json
import math
import re
import shutil
import sqlite3

import pytest

from percast.tools.study.answers import Answer, Answers, Given
from percast.tools.study.config import PlanConfig
from percast.tools.study.consent import KEPT
from percast.tools.study.messages import DISPLAY
from percast.tools.study.plan import ORIGINAL, Folder
from percast.tools.study.ratios import code_pairs
from percast.tools.study.schedule import trials_of
from tests.tools.study.studies import BLURRED, NOISY, made


def test_the_plain_consent_text_names_all_that_is_stored_and_no_more(study, folders, tmp_path):
    assert (
        made(study, folders, tmp_path / "study", "--ask", "Your age?", "--ask", "Glasses?").code
        == 0
    )
    folder = Folder.open(tmp_path / "study")
    with Answers.open(folder, create=True) as answers, sqlite3.connect(answers.path) as db:
        columns = {
            f"{table}.{row[1]}"
            for table in ("observers", "answers")
            for row in db.execute(f"PRAGMA table_info({table})")
        }
    db.close()
    told = [column for columns in KEPT.values() for column in columns]
    assert sorted(told) == sorted(columns | {f"display.{name}" for name in DISPLAY})
    text = folder.study.consent
    assert all(words in text for words in KEPT)
    assert "(“Your age?” “Glasses?”)" in text
    # And nothing of what this study does not ask for.
    plain = PlanConfig(question="better", without_original=True).consent_text()
    assert "questions" not in plain and "original" not in plain
    assert all(word in plain for word in ("day of joining", "size of your screen", "in the order"))


def test_one_ratio_of_bandwidths_is_too_few_and_that_is_said(study, folders, tmp_path):
    folder = tmp_path / "study"
    done = made(study, folders, folder, "--trials", 6)
    said = "compared at one ratio of bandwidths alone (50%)"
    assert done.code == 0 and said in done.err
    done = study("simulate", folder, "--metric", "psnr", "--observers", 4, "--resamples", 100)
    assert done.code == 0 and said in done.out
    page = (folder / "report-simulated" / "report.html").read_text("utf-8")
    assert said in page
    more = study(
        "make", f"{BLURRED}={folders[BLURRED]}", f"percast@1/48={folders[BLURRED]}",
        f"{NOISY}={folders[NOISY]}", "--reference", folders["original"], "--out", tmp_path / "more",
    )  # fmt: skip
    assert more.code == 0 and more.err == ""


def test_ours_is_percast_whoever_is_named_first(study, folders, tmp_path):
    done = study(
        "make", f"{NOISY}={folders[NOISY]}", f"other@1/12={folders[NOISY]}",
        f"{BLURRED}={folders[BLURRED]}", "--reference", folders["original"],
        "--out", tmp_path / "s",
    )  # fmt: skip
    assert done.code == 0, done.err
    pairs = code_pairs(Folder.open(tmp_path / "s").study)
    assert pairs == [("percast", "hevc-ldpc"), ("percast", "other"), ("hevc-ldpc", "other")]


def test_simulated_reports_say_so_and_people_are_not_touched(study, folders, tmp_path):
    folder = tmp_path / "study"
    assert made(study, folders, folder, "--trials", 6, "--consent", __file__).code == 0
    early = study("analyse", folder)
    assert early.code == 6 and "no answers yet" in early.complaint
    done = study(
        "simulate", folder, "--metric", "psnr", "--observers", 8, "--always-left", 1,
        "--resamples", 200, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert "PSNR" in found["simulated"] and "9" in found["left_out"]
    assert not (folder / "answers.sqlite").exists()
    page = (folder / "report-simulated" / "report.html").read_text("utf-8")
    assert '<p class="banner" role="note">SIMULATED: 8 observers who answer by PSNR' in page
    # With everybody, who always pressed left shares in each pair's figures.
    (pair,) = found["preferences"]
    (all_,) = found["with_everybody"]["preferences"]
    assert pair["share"] != all_["share"] and f"{BLURRED} preferred to {NOISY}" in page
    line = page[page.index(f"{BLURRED} preferred to {NOISY}") :].partition("</tr>")[0]
    assert f"{pair['share']:.0%}</td>" in line and f"{all_['share']:.0%}</td>" in line
    assert page.count("Simulated: ") > 8  # every figure and table, also where it is taken away
    assert "default-src 'none'" in html.unescape(page) and "<script src" not in page
    rows = (folder / "report-simulated" / "answers.csv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + 9 * 13 and all(row.endswith(",1") for row in rows[1:])
    # Again gives the same figures: nothing else is random.
    again = study("analyse", folder, "--simulated", "--resamples", 200, "--json")
    assert again.json["preferences"] == found["preferences"]
    assert json.dumps(again.json["scores"]) == json.dumps(found["scores"])
    # One unit wherever people read it, and in JSON by its name.
    told = study("analyse", folder, "--simulated", "--resamples", 200).out
    for name, each in found["scores"].items():
        assert each["score_jod"] == pytest.approx(each["score"] / math.log(3))
        assert each["margin_jod"] == pytest.approx(each["margin"] / math.log(3))
        assert f"{each['score_jod']:+.2f} ± {each['margin_jod']:.2f} {name}" in told
        cell = re.escape(f"{each['score_jod']:+.2f}")
        assert re.search(rf"{re.escape(name)}</t[dh]>\s*<td[^>]*>{cell}<", page)


def test_what_is_kept_of_each_observer_is_a_table_in_which_no_strangers_text_is_a_formula(
    study, folders, tmp_path
):
    ask = "=1+1"
    assert made(study, folders, tmp_path / "study", "--ask", ask, "--ask", "Glasses?").code == 0
    folder = Folder.open(tmp_path / "study")
    texts = (
        ['=HYPERLINK("http://evil")', "no"],
        ["+49 30", "-"],
        ["@x", "yes, two\nlines"],
        ["", ""],
    )
    with Answers.open(folder, create=True) as answers:
        for slot, asked in enumerate(texts):
            answers.join(lambda slot: f"token {slot}")
            answers.agree(slot, {"pixel_mm": 0.25, "steps": 15.0} if slot else {}, asked)
        answers.join(lambda slot: f"token {slot}")  # and never agrees
        given = [
            Answer(slot, trial, Given("left" if slot == 2 or trial.left == ORIGINAL
                or (trial.right != ORIGINAL and trial.left == 1) else "right", 900.0))
            for slot in range(3) for trial in trials_of(folder.study, slot)
        ]  # fmt: skip
        answers.add_all(given)
    done = study("analyse", folder.path, "--resamples", 100)
    assert done.code == 0, done.err
    with (folder.path / "report" / "observers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-3:] == ["simulated", "'=1+1", "Glasses?"]
    assert [row["observer"] for row in rows] == list("12345")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["day"]) for row in rows)
    assert [row["agreed"] for row in rows] == list("11110")
    assert [(row["display_pixel_mm"], row["display_steps"]) for row in rows[:2]] == [
        ("", ""), ("0.25", "15.0"),
    ]  # fmt: skip
    assert [row["counted"] for row in rows] == list("11000")
    assert "one side" in rows[2]["reasons"] and rows[3]["reasons"] == "answered nothing"
    assert (rows[0]["done"], rows[0]["catch_right"], rows[0]["median_reaction_s"]) == (
        "1.0", "1.0", "0.9",
    )  # fmt: skip
    found = [(row["'=1+1"], row["Glasses?"]) for row in rows]
    assert found[:3] == [
        ("'=HYPERLINK(\"http://evil\")", "no"), ("'+49 30", "'-"), ("'@x", "yes, two\nlines"),
    ]  # fmt: skip


def test_a_pictures_name_is_no_formula_either(study, folders, tmp_path):
    turned = {name: tmp_path / name.partition("@")[0] for name in (BLURRED, NOISY, "original")}
    for name, out in turned.items():
        out.mkdir()
        for path in folders[name].glob("*.png"):
            shutil.copy(path, out / f"=cmd {path.name}")
    assert made(study, turned, tmp_path / "study", "--trials", 6).code == 0
    simulate = ("simulate", tmp_path / "study", "--metric", "psnr", "--observers", 4)
    assert study(*simulate, "--resamples", 100).code == 0
    out = tmp_path / "study" / "report-simulated"
    with (out / "answers.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["picture"].startswith("'=cmd ") for row in csv.DictReader(file))
    with (out / "observers.csv").open(newline="", encoding="utf-8") as file:
        assert [row["simulated"] for row in csv.DictReader(file)] == list("1111")


def test_how_many_observers_and_pictures_are_needed_is_told_from_simulated_answers(
    study, folders, tmp_path
):
    folder = tmp_path / "study"
    assert made(study, folders, folder, "--trials", 6).code == 0
    assert study("simulate", folder, "--metric", "psnr", "--observers", 4).code == 0
    asked = ("analyse", folder, "--simulated", "--resamples", 100, "--power", "--json", "--width")
    wide, narrow = (study(*asked, width) for width in (10, 0.001))
    assert wide.code == narrow.code == 0, wide.err
    sizes = wide.json["power"]
    assert (
        len({size["observers"] for size in sizes}) > 1 < len({size["pictures"] for size in sizes})
    )
    assert wide.json["enough"] in sizes and narrow.json["enough"] is None
