# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that dies says nothing of the code: what it had is missing, not lost."""

from pathlib import Path

import pytest

from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.crews import given_up
from percast.tools.campaign.jobs import simulate
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.running import begin, go_on, jobs, plan_of
from percast.tools.campaign.store import Store
from percast.tools.campaign_report.analysis.lost import lost_pictures
from percast.tools.campaign_report.analysis.measured import load
from percast.tools.verbs.campaign.run import in_words
from tests.tools.campaign import plans
from tests.tools.campaign.first_stores import as_first

TEXT = plans.SMALL.replace('model = "base"', f'codec = "{plans.GREY}"')
CHANGES = ("conditions.snr=6", "conditions.cbr=1/48", "pictures.frames=3")


@pytest.fixture
def half(small_photos, tmp_path) -> Path:
    """A campaign of three shots, of which one was made and one given up."""
    path = tmp_path / "half.sqlite"
    begin(path, load_plan(plans.write(tmp_path, small_photos, TEXT), CHANGES))
    with Store.open(path, write=True) as store:
        first, second, _ = jobs(store, plan_of(store))
        store.done(given_up(first))
        store.done(simulate(second))
    return path


@pytest.fixture(params=["now", "first"])
def path(half, request) -> Path:
    return as_first(half) if request.param == "first" else half


def test_it_is_counted_as_missing_and_the_row_says_why(path):
    with Store.open(path) as store:
        counts, rows = store.counts(), store.rows()
        assert len(store.shots()) == 2 and len(store.shots(done=True)) == 1
    assert (counts["cells_done"], counts["shots_done"], counts["shots_given_up"]) == (1, 1, 1)
    assert counts["shots_failed"] == counts["shots_lost"] == 0
    assert [row["error"] for row in rows] == ["its worker died 1 times", None]
    assert in_words(path, counts).endswith("1 of 3 cells, 1 missing, for their workers died")


def test_no_grey_picture_stands_for_it_in_a_report(half):
    with Store.open(half) as store:
        campaign = load(store)
    assert lost_pictures(campaign) == [] and len(campaign.rows) == 1
    assert campaign.counts["cells_done"] < campaign.counts["cells"], "the page tells that"


def test_resume_makes_it(path):
    plans.resume(path)
    with Store.open(path) as store:
        assert store.counts()["cells_done"] == 3 and not store.shots()
        assert [row["error"] for row in store.rows()] == [None] * 3
        assert store.events()[-1][1] == "all is done"


def test_given_up_again_it_is_still_to_be_made(half, monkeypatch):
    class Dying:
        def work(self, jobs):
            return map(given_up, jobs)

    monkeypatch.setattr("percast.tools.campaign.crews.Alone", lambda task: Dying())
    told = []
    with Store.open(half, write=True) as store:
        go_on(store, plan_of(store), None, 1, told.append)
        assert store.counts()["shots_given_up"] == 2 and set(told) == {1}
        assert store.events()[-1][1] == "all is done but 2 transmissions whose workers died"


def test_a_worker_that_dies_while_decoding_again_leaves_no_cell_behind(half, caplog):
    plans.resume(half)

    class DiesOnce:
        def work(self, jobs):
            first, *others = jobs
            return [given_up(first), *map(decode_again, others)]

    again = Again(None, None, ("psnr",))
    with Store.open(half, write=True) as store:
        assert remetric(store, again, DiesOnce(), False, lambda done: None) == (1, 2)
        assert "the same command goes on" in caplog.text
        assert len(store.decoded_cells(1)) == 2, "the same command would pass it over"
