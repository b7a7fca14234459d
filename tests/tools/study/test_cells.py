# SPDX-License-Identifier: GPL-3.0-or-later
"""A study of a campaign's cells."""

import contextlib
import hashlib
import json
import sqlite3

import numpy as np
import pytest

from percast.errors import UsageError
from percast.tools.campaign.store import Done, Store
from percast.tools.campaign.tables.rows import WORKER_DIED
from percast.tools.study.cells import conditions_of, parse_where
from percast.tools.study.make import plain_png
from percast.tools.study.plan import Folder
from tests.conftest import load
from tests.tools.study.answered import page_of_left_answers


def campaign(path, rgb_of) -> None:
    """A campaign of two pictures by two codes at two rates, two SNRs and two repeats."""
    with Store.open(path, create=True) as store:
        pictures = []
        for number in range(2):
            rgb = rgb_of(number, 0)
            digest = hashlib.sha256(rgb.tobytes()).hexdigest()
            pictures.append(
                {"sha256": digest, "number": number, "name": f"p{number}.png", "width": 48,
                 "height": 32, "image": plain_png(rgb)}
            )  # fmt: skip
        conditions = [
            {"condition": number, "codec": codec, "model": "base", "cbr": cbr,
             "design_snr_db": 10.0, "channel": "awgn", "snr_db_set": snr, "settings": "{}"}
            for number, (codec, cbr, snr) in enumerate(
                (codec, cbr, snr) for codec in ("learned", "hevc-ldpc")
                for cbr in ("1/96", "1/48") for snr in (4.0, 10.0)
            )
        ]  # fmt: skip
        shots = [
            {"picture": picture["sha256"], "number": picture["number"], "repeat": repeat,
             "condition": c["condition"], "seed": 0}
            for picture in pictures for c in conditions for repeat in (0, 1)
        ]  # fmt: skip
        shots = [{"shot": number, "seq": number, **shot} for number, shot in enumerate(shots)]
        cells = [{"cell": s["shot"], "shot": s["shot"], "realism": 1.0} for s in shots]
        store.lay_out(pictures, conditions, shots, cells)
        for shot in shots:
            number = [p["sha256"] for p in pictures].index(shot["picture"])
            # The first transmission of one condition was lost.
            lost = shot["condition"] == 1 and shot["repeat"] == 0
            rgb = rgb_of(number, 1 + shot["condition"] + 10 * shot["repeat"])
            # Of another something arrived, but no picture.
            useless = shot["condition"] == 7 and shot["repeat"] == 0
            decode = {
                "cell": shot["shot"], "realism": 1.0, "model": "base", "undecodable": int(useless),
                "image": None if lost or useless else plain_png(rgb),
            }  # fmt: skip
            arrival = {"received": int(not lost), "attempts": 1}
            store.done(Done(shot["shot"], arrival, [decode]))


def of_number(number: int, kind: int) -> np.ndarray:
    return np.full((32, 48, 3), 20 * number + 5 * kind, np.uint8)


def test_a_campaigns_cells_become_conditions(study, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    # Pictures of one colour each, which make no catch trial.
    ask = ("make", "--campaign", tmp_path / "c.sqlite", "--catches", 0)
    done = study(*ask, "--where", "snr=10", "--out", tmp_path / "study")
    assert done.code == 0, done.err
    folder = Folder.open(tmp_path / "study")
    names = ["percast@1/96", "percast@1/48", "hevc-ldpc@1/96", "hevc-ldpc@1/48"]
    assert [c.name for c in folder.study.conditions] == names
    kinds = {"percast@1/96": 1 + 1 + 10, "percast@1/48": 1 + 3, "hevc-ldpc@1/96": 1 + 5,
             "hevc-ldpc@1/48": 1 + 7 + 10}  # fmt: skip
    for number, shown in enumerate(folder.study.pictures):
        assert load(folder.picture(shown.original))[0, 0, 0] == 20 * number
        for condition, file in zip(folder.study.conditions, shown.files, strict=True):
            # What was lost is there by its second transmission.
            wanted = of_number(number, kinds[condition.name])
            assert np.array_equal(load(folder.picture(file)), wanted)
    # Without --where both SNRs are conditions, told apart by their names.
    done = study(*ask, "--out", tmp_path / "all", "--json")
    assert "snr differs (10, 4) and no --where names it" in done.err
    assert "percast snr 4@1/96" in done.json["conditions"] and len(done.json["conditions"]) == 8
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute("UPDATE conditions SET snr_db_set = 10")
    alike = study(*ask, "--out", tmp_path / "alike")
    assert alike.code == 2 and "several conditions" in alike.complaint
    sized = study(*ask, "--size", "64x64", "--out", tmp_path / "sized")
    assert sized.code == 2 and "--size is for folders" in sized.complaint
    none = study(*ask, "--where", "snr=77", "--out", tmp_path / "none")
    assert none.code == 2 and "no cell" in none.complaint


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("snr=ten",), "no cell has snr ten; there is 10, 4$"),
        (("snr=4", "codec=vvc-ldpc,jpeg-ldpc"), "vvc-ldpc or jpeg-ldpc; there is hevc-ldpc, lea"),
        (("codec=hevc-ldpc", "cbr=1/24"), "no cell has cbr 1/24; there is 1/48, 1/96$"),
    ],
)
def test_what_no_cell_has_is_answered_by_what_there_is(asked, told, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    where = [parse_where(text) for text in asked]
    with contextlib.ExitStack() as stack, pytest.raises(UsageError, match=told):
        conditions_of(stack, tmp_path / "c.sqlite", where)


def test_a_codec_without_models_is_not_called_by_its_name_twice(study, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute("UPDATE decodes SET model = 'hevc-ldpc' WHERE cell IN (SELECT cell FROM cells "
                   "JOIN shots USING (shot) WHERE condition >= 4)")  # fmt: skip
        db.execute("UPDATE decodes SET model = 'lite' WHERE cell IN (SELECT cell FROM cells "
                   "JOIN shots USING (shot) WHERE condition < 2)")  # fmt: skip
    done = study(
        "make", "--campaign", tmp_path / "c.sqlite", "--where", "snr=10", "--where",
        "model=base,lite,hevc-ldpc", "--catches", 0, "--out", tmp_path / "study", "--json",
    )  # fmt: skip
    assert done.code == 0 and "differs" not in done.err
    assert sorted(done.json["conditions"]) == [
        "hevc-ldpc@1/48", "hevc-ldpc@1/96", "percast model base@1/48", "percast model lite@1/96",
    ]  # fmt: skip


def test_a_condition_that_lost_everything_is_named_in_the_study_and_its_report(study, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    with sqlite3.connect(tmp_path / "c.sqlite") as db:  # the digital link's cliff
        db.execute("UPDATE decodes SET undecodable = 1 WHERE cell IN (SELECT cell FROM cells "
                   "JOIN shots USING (shot) WHERE condition = 5)")  # fmt: skip
    done = study(
        "make", "--campaign", tmp_path / "c.sqlite", "--where", "snr=10", "--catches", 0, "--out",
        tmp_path / "study", "--json",
    )  # fmt: skip
    assert done.code == 0 and done.json["lost"] == ["hevc-ldpc@1/96"]
    assert done.json["left_out"] == [] and "hevc-ldpc@1/96" not in done.json["conditions"]
    assert "nothing came out of hevc-ldpc@1/96" in done.err
    page = page_of_left_answers(Folder.open(tmp_path / "study"))
    assert "Nothing came out of hevc-ldpc@1/96" in page


def test_what_is_left_of_one_code_says_what_was_lost(study, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute("UPDATE decodes SET undecodable = 1 WHERE cell IN (SELECT cell FROM cells "
                   "JOIN shots USING (shot) WHERE condition >= 4)")  # fmt: skip
    ask = ("make", "--campaign", tmp_path / "c.sqlite", "--where", "snr=10", "--catches", 0)
    done = study(*ask, "--out", tmp_path / "study")
    assert done.code == 2 and "nothing came out of hevc-ldpc@" in done.complaint
    assert "hevc-ldpc@1/48" in done.complaint and "hevc-ldpc@1/96" in done.complaint


def test_what_a_worker_took_with_it_is_no_loss_of_the_code(tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        db.execute(f"UPDATE arrivals SET received = 0, error = '{WORKER_DIED}' WHERE shot IN "
                   "(SELECT shot FROM shots WHERE condition = 5)")  # fmt: skip
    with contextlib.ExitStack() as stack:
        _, conditions, _ = conditions_of(stack, tmp_path / "c.sqlite", [parse_where("snr=10")])
    assert "hevc-ldpc@1/96" not in conditions and all(conditions.values())


def test_a_study_of_an_earlier_percast_is_read(study, tmp_path):
    campaign(tmp_path / "c.sqlite", of_number)
    ask = ("make", "--campaign", tmp_path / "c.sqlite", "--where", "snr=10", "--catches", 0)
    assert study(*ask, "--out", tmp_path / "study").code == 0
    plan = tmp_path / "study" / "study.json"
    table = json.loads(plan.read_text())
    assert table.pop("lost") == table.pop("left_out") == []
    plan.write_text(json.dumps(table))
    assert Folder.open(plan.parent).study.lost == ()
