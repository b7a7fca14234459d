# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of what was decoded again, and of what was cut off."""

import dataclasses
import re
import sqlite3
from html import unescape

from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis.whole import analyse
from percast.tools.campaign_report.config import ReportConfig
from percast.tools.campaign_report.page import page_of
from percast.tools.pages import render
from tests.tools.campaign_report.stores import COMMAND, Law, make_store

PLAIN = ReportConfig(lost="aside", no_sets=True)
REMETRIC = "percast campaign remetric --metrics psnr,dists"


def decode_again(path, cells: int, metrics=("psnr", "dists"), **settings) -> int:
    """As a `remetric` that ends after so many cells."""
    settings = {"realism": None, "model": None, "metrics": list(metrics), "engine": None} | settings
    with Store.open(path, write=True) as store:
        told = {"command": REMETRIC, "commit": {"sha": "fedcba9876543210", "changed": []}}
        number = store.new_pass(settings, **told)
        columns = ("cell", "realism", "model", "undecodable", "error", "decode_s", "psnr_db")
        rows = [row for row in store.rows() if row["decode"] == 0][:cells]
        store.decoded(
            number,
            [{name: row[name] for name in columns} | {"dists": row["lpips"]} for row in rows],
        )
    return number


def test_a_decoding_that_was_cut_off_is_told_with_its_own_cells_pictures_and_command(tmp_path):
    path = make_store(tmp_path / "a.sqlite", Law(pictures=4, snrs=(10.0,)))
    again = decode_again(path, cells=8)
    with Store.open(path) as store:
        analysis = analyse(store, dataclasses.replace(PLAIN, decode=again))
        text = unescape(re.sub(r"<[^>]+>", "", render(page_of(analysis, store, 0.0))))
    told = analysis.json()
    assert told["cells"]["cells_done"] == 8 and told["cells"]["cells"] == 24
    assert told["measured_by"] == {"percast": "at fedcba9876", "command": REMETRIC}
    assert told["sent_by"] == {"percast": "0.1.0 (0123456789)", "command": COMMAND}
    assert told["decoding"]["metrics"] == ["psnr", "dists"]
    assert told["interval"]["pictures"] == 2  # of four
    assert "8 of the run's 24 are in decoding 1; 8 of 8 pictures came out" in text
    assert "2, of which each condition has 1 to 2" in text and "the same under every" not in text
    assert "Conditions do not have the same pictures, but 1 to 2 of 2 each" in text
    assert f"If decoding 1 is not whole: `{REMETRIC}`" in text and "campaign resume" not in text
    assert re.search(
        f"by `{REMETRIC}`, percast at fedcba9876, of what was sent by `{COMMAND}`", text
    )


def test_a_run_that_was_cut_off_does_not_say_that_all_conditions_have_the_same_pictures(tmp_path):
    path = make_store(tmp_path / "a.sqlite", Law(pictures=4, snrs=(10.0,)))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM decodes WHERE cell > 20")
        db.execute("DELETE FROM arrivals WHERE shot > 20")
    db.close()
    with Store.open(path) as store:
        analysis = analyse(store, PLAIN)
        text = render(page_of(analysis, store, 0.0))
    assert "4, of which each condition has 3 to 4" in text and "20 of 24 done" in text
    assert "the same under every" not in text and "4 cells are not done" in text
    assert {saving.pictures for saving in analysis.savings} == {3}


def test_a_decoding_is_compared_with_the_other_stores_of_the_same_settings(tmp_path):
    law = Law(pictures=3, snrs=(10.0,), rates=("1/96", "1/48"))
    here, there = (make_store(tmp_path / f"{name}.sqlite", law) for name in ("here", "there"))
    assert decode_again(here, 12) == 1
    assert decode_again(there, 12, metrics=("psnr",)) == 1
    assert decode_again(there, 12) == 2
    with Store.open(here) as store, Store.open(there) as other:
        analysis = analyse(store, dataclasses.replace(PLAIN, decode=1), other)
        assert analysis.comparison.decode == 2
        assert "there.sqlite, decoding 2" in render(page_of(analysis, store, 0.0))
        # Where there is none, by number; what differs is told.
        odd = analyse(other, dataclasses.replace(PLAIN, decode=1), store).comparison
        assert odd.decode == 1
        assert odd.record["decoding.metrics"] == (["psnr", "dists"], ["psnr"])
