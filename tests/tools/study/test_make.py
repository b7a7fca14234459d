# SPDX-License-Identifier: GPL-3.0-or-later
"""What a study is made of, and what is said of what it cannot be made of."""

import html
import io
import json
import shutil
import sqlite3

import numpy as np
import pytest
from PIL import Image

from percast.blocks.images.sinks import open_sink
from percast.errors import FileError
from percast.tools.study.answers import Answer, Answers, Given
from percast.tools.study.config import parse_label
from percast.tools.study.folders import pictures_in
from percast.tools.study.make import plain_png
from percast.tools.study.plan import ORIGINAL, Folder
from percast.tools.study.schedule import trials_of
from tests.conftest import load
from tests.tools.study.answered import page_of_left_answers
from tests.tools.study.studies import BLURRED, NOISY, made


def test_a_study_holds_the_very_pixels_under_random_names(study, folders, tmp_path):
    done = made(study, folders, tmp_path / "study", "--json")
    assert done.code == 0, done.err
    folder = Folder.open(tmp_path / "study")
    assert done.json["sha256"] == folder.sha256 and done.json["pictures"] == 6
    names = [c.name for c in folder.study.conditions]
    assert names == [BLURRED, NOISY]
    assert [(c.code, c.cbr) for c in folder.study.conditions] == [
        ("percast", 1 / 96), ("hevc-ldpc", 1 / 48),
    ]  # fmt: skip
    for shown in folder.study.pictures:
        for number, name in ((ORIGINAL, "original"), (0, BLURRED), (1, NOISY)):
            stored = load(folder.picture(shown.file(number)))
            assert np.array_equal(stored, load(folders[name] / f"{shown.name}.png"))
    assert (folder.path / "secret").stat().st_mode & 0o077 == 0


def test_all_but_the_samples_of_a_stored_picture_depends_on_its_size_alone(make_rgb):
    flat, noise = np.zeros((40, 70, 3), np.uint8), np.random.default_rng(0)
    rough = noise.integers(0, 256, (40, 70, 3)).astype(np.uint8)
    stored = [plain_png(rgb) for rgb in (flat, make_rgb(70, 40), rough)]
    assert len({len(data) for data in stored}) == 1
    assert len({(data[:48], data[-12:]) for data in stored}) == 1
    rows = np.frombuffer(stored[2][48:-20], np.uint8).reshape(40, 211)
    assert not rows[:, 0].any() and np.array_equal(rows[:, 1:].reshape(40, 70, 3), rough)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stored[2]))), rough)
    large = np.zeros((300, 500, 3), np.uint8)  # more than one block of 65,535 bytes
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(plain_png(large)))), large)


def test_a_receivers_folder_is_matched_by_the_senders_names(study, folders, tmp_path):
    names = sorted(path.name for path in folders[BLURRED].glob("*.png"))
    with open_sink(str(tmp_path / "received")) as sink:
        for name in reversed(names):  # as they came, under numbers of its own
            sink.write(load(folders[BLURRED] / name), {"name": name})
    done = study(
        "make", f"{BLURRED}={tmp_path / 'received'}", f"{NOISY}={folders[NOISY]}",
        "--reference", folders["original"], "--out", tmp_path / "study",
    )  # fmt: skip
    assert done.code == 0, done.err
    folder = Folder.open(tmp_path / "study")
    assert [f"{shown.name}.png" for shown in folder.study.pictures] == names
    for shown in folder.study.pictures:
        sent = load(folders[BLURRED] / f"{shown.name}.png")
        assert np.array_equal(load(folder.picture(shown.files[0])), sent)


def test_pictures_that_a_condition_lacks_are_left_out_and_that_is_said(study, folders, tmp_path):
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in sorted(folders["original"].glob("*.png"))[:4]:
        (fewer / path.name).write_bytes((folders[NOISY] / path.name).read_bytes())
    done = study(
        "make", f"{BLURRED}={folders[BLURRED]}", f"{NOISY}={fewer}", "--reference",
        folders["original"], "--out", tmp_path / "study", "--json",
    )  # fmt: skip
    assert done.code == 0 and done.json["pictures"] == 4
    # Four pairs, of which two come early enough to be asked again.
    assert "2 pairs are asked again, not 4" in done.err
    assert "2 originals are left out" in done.err and len(done.json["left_out"]) == 2
    # Whoever reads the report must know it as well: a code may have lost the difficult ones.
    page = page_of_left_answers(Folder.open(tmp_path / "study"))
    assert "Nobody was asked about 2 originals" in page
    assert all(html.escape(name) in page for name in done.json["left_out"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--reference", "nowhere"), 6, "there is no such folder"),
        (("--without-original",), 2, "--without-original"),
        (("--repeats", 99), 2, "--repeats"),
        (("--catch-least", 1.5), 2, "--catch-least"),
        (("--consent", "nowhere.txt"), 2, "--consent nowhere.txt"),
        (("--size", "80x64"), 6, "--size fits originals"),
        (("--where", "snr=10"), 2, "--where is for a --campaign"),
        (("--campaign", "c.sqlite"), 2, "give no folders"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(
    study, folders, tmp_path, words, code, said
):
    done = made(study, folders, tmp_path / "study", *words)
    assert done.code == code and said in done.complaint
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "study").exists()


def test_a_folder_that_is_there_already_is_left_as_it_is(study, folders, tmp_path):
    out = tmp_path / "study"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    done = made(study, folders, out)
    assert done.code == 6 and "is there already" in done.complaint
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"format": "percast-study/9"}', "[]", "\x00", "1", "null", '"x"', "[" * 100_000],
)
def test_a_damaged_study_is_one_line(study, tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    done = study("serve", tmp_path)
    assert done.code == 6 and "damaged" in done.complaint


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": [[0, 2]]},
        {"pairs": [[0, 0]]},
        {"pairs": [[-1, 0]]},
        {"trials": "48"},
        {"trials": 0},
        {"seed": -1},
        {"rule": {"catch_least": 7}},
        {"conditions": [{"name": "a", "code": "a", "rate": "1/0"}, {"name": "b", "code": "b"}]},
    ],
)
def test_a_study_whose_parts_do_not_fit_is_one_line(study, folders, tmp_path, change):
    assert made(study, folders, tmp_path / "study").code == 0
    plan = tmp_path / "study" / "study.json"
    plan.write_text(json.dumps(json.loads(plan.read_text()) | change))
    done = study("analyse", tmp_path / "study")
    assert done.code == 6 and "damaged" in done.complaint


def test_a_study_of_others_names_no_file_outside_its_pictures(study, folders, tmp_path):
    assert made(study, folders, tmp_path / "study").code == 0
    plan = tmp_path / "study" / "study.json"
    table = json.loads(plan.read_text())
    table["pictures"][0]["original"] = "../../private"
    plan.write_text(json.dumps(table))
    done = study("serve", tmp_path / "study")
    assert done.code == 6 and "no names in pictures/" in done.complaint


def test_a_receivers_record_names_no_file_outside_its_folder(folders, tmp_path):
    picture = next(folders["original"].glob("*.png"))
    (tmp_path / "private.png").write_bytes(picture.read_bytes())
    (tmp_path / "out").mkdir()
    record = json.dumps({"name": "a.png", "file": "../private.png"})
    (tmp_path / "out" / "frames.jsonl").write_text(record + "\n")
    with pytest.raises(FileError):
        pictures_in(tmp_path / "out")["a"]()


def test_pictures_that_are_missing_or_damaged_are_one_line(study, folders, tmp_path):
    assert made(study, folders, tmp_path / "study").code == 0
    folder = Folder.open(tmp_path / "study")
    picture = folder.picture(folder.study.pictures[0].files[1])
    picture.write_bytes(picture.read_bytes()[:100])
    done = study("simulate", folder.path, "--metric", "psnr")
    assert done.code == 6 and picture.name in done.complaint
    picture.unlink()
    for words in (("simulate", folder.path, "--metric", "psnr"), ("serve", folder.path)):
        done = study(*words)
        assert done.code == 6 and picture.name in done.complaint
    assert not (folder.path / "answers.sqlite").exists()


def test_pictures_stay_what_they_were_when_the_study_was_made(study, folders, tmp_path):
    """Who published the hash of study.json has published all that observers see."""
    assert made(study, folders, tmp_path / "study").code == 0
    folder = Folder.open(tmp_path / "study")
    first, other = folder.study.pictures[:2]
    picture = folder.picture(first.files[0])
    picture.write_bytes(folder.picture(other.files[0]).read_bytes())
    for verb in ("serve", "analyse"):
        done = study(verb, folder.path)
        assert done.code == 6 and f"{picture} was changed" in done.complaint


def test_nobody_makes_links_of_a_secret_that_was_cut_off(study, folders, tmp_path):
    assert made(study, folders, tmp_path / "study").code == 0
    for rest in ("", "00" * 31):
        (tmp_path / "study" / "secret").write_text(rest)
        with pytest.raises(FileError, match="secret is damaged"):
            Folder.open(tmp_path / "study").secret()


def test_a_name_that_no_report_could_hold_is_refused(study, folders, tmp_path):
    done = study(
        "make", f"{BLURRED}={folders[BLURRED]}", f"a\udcff={folders[NOISY]}", "--reference",
        folders["original"], "--out", tmp_path / "study",
    )  # fmt: skip
    assert done.code == 2 and "no UTF-8" in done.complaint
    assert not (tmp_path / "study").exists()


def test_a_bandwidth_of_nothing_is_none():
    assert parse_label("x@0/48") == ("x@0/48", None)
    assert parse_label("x@1/48") == ("x", "1/48")


def test_a_file_whose_making_was_cut_off_is_begun_again(study, folders, tmp_path):
    assert made(study, folders, tmp_path / "study").code == 0
    folder = Folder.open(tmp_path / "study")
    with sqlite3.connect(folder.path / "answers.sqlite") as db:
        db.execute("PRAGMA journal_mode = WAL")
    db.close()
    done = study("analyse", folder.path)
    assert done.code == 6 and "no answers yet" in done.complaint
    with Answers.open(folder, create=True) as answers:
        assert answers.join(lambda slot: f"token {slot}") == 0
    done = study("analyse", folder.path)
    assert done.code == 5 and "nobody has answered" in done.complaint


def test_where_the_rule_leaves_out_everybody_it_says_why_and_keeps_what_they_said(
    study, folders, tmp_path
):
    assert made(study, folders, tmp_path / "study").code == 0
    folder = Folder.open(tmp_path / "study")
    with Answers.open(folder, create=True) as answers:
        slot = answers.join(lambda slot: f"token {slot}")
        answers.add_all(
            [Answer(slot, trial, Given("left", 50.0)) for trial in trials_of(folder.study, slot)]
        )
    done = study("analyse", folder.path)
    assert done.code == 5 and "median reaction 0.05 s" in done.complaint
    # What they said can be read nevertheless, and why it does not count.
    report = folder.path / "report"
    assert str(report) in done.complaint and not (report / "report.html").exists()
    given = (report / "answers.csv").read_text().splitlines()
    assert len(given) == 1 + len(trials_of(folder.study, 0))
    assert "median reaction 0.05 s" in (report / "observers.csv").read_text()


def test_a_picture_that_is_like_its_spoilt_copy_catches_nobody_and_is_refused(
    study, folders, tmp_path
):
    plain = np.full((64, 64, 3), 90, np.uint8)
    with_plain = {name: tmp_path / name.partition("@")[0] for name in ("original", BLURRED, NOISY)}
    for name, out in with_plain.items():
        shutil.copytree(folders[name], out)
        Image.fromarray(plain).save(out / "wall.png")
    refused = made(study, with_plain, tmp_path / "study")
    assert refused.code == 6 and "'wall' is so plain" in refused.complaint
    assert not (tmp_path / "study").exists()
    assert made(study, with_plain, tmp_path / "study", "--catches", 0).code == 0
